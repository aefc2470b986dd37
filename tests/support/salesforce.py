"""The Salesforce that ``up --demo-sinks`` runs, by a clock of its own, and made to fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.cli.demosinks import salesforce
from services.cli.demosinks.salesforce import DATA, Row, refused

__all__ = ["DATA", "Org", "refused"]


@dataclass
class Org(salesforce.Org):
    """One org."""

    secret: str = "client-secret"
    calls: list[str] = field(default_factory=list)
    fails: list[Response] = field(default_factory=list)
    changes_between: list[dict[str, Any]] = field(default_factory=list)
    """What a person does to every lead after the next query, in turn."""
    invalid: set[str] = field(default_factory=set)
    """E-mails that a validation rule refuses."""
    piece: int = 2_000
    """Records of one answer; the rest is behind a locator."""
    expires: int = 0
    """So many of the next locators have expired by the time they are asked for."""
    now: datetime = datetime(2026, 11, 23, 9, tzinfo=UTC)
    url: str = ""
    _cursors: dict[str, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = self.now.replace(microsecond=0)  # it knows seconds

    def application(self) -> FastAPI:
        app = super().application()
        app.get(f"{DATA}/query/{{locator}}")(self._more)
        return app

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    async def _check(self, request: Request, call: Any) -> Response:
        self.calls.append(f"{request.method} {request.url.path}")

        async def failing(request: Request) -> Response:
            if self.fails and "oauth2" not in request.url.path:
                return self.fails.pop(0)
            answer: Response = await call(request)
            return answer

        return await super()._check(request, failing)

    def _answered(self, q: str, *, deleted: bool) -> list[Row]:
        said = super()._answered(q, deleted=deleted)
        if self.changes_between:
            change = {**self.changes_between.pop(0), "LastModifiedDate": self.tick()}
            for lead in self.leads.values():
                lead |= change
        return said

    async def _more(self, locator: str) -> Response:
        if self.expires > 0:
            self.expires -= 1
            return refused("INVALID_QUERY_LOCATOR")
        return self._piece(self._cursors.pop(locator))

    def _piece(self, records: list[Row]) -> Response:
        some, rest = records[: self.piece], records[self.piece :]
        body: dict[str, Any] = {"totalSize": len(records), "done": not rest, "records": some}
        if rest:
            locator = f"01g{len(self.calls)}-{len(rest)}"
            self._cursors[locator] = rest
            body["nextRecordsUrl"] = f"{DATA}/query/{locator}"
        return JSONResponse(body)

    def _is_valid(self, email: str) -> bool:
        return email not in self.invalid
