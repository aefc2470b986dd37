"""The HubSpot that ``up --demo-sinks`` runs, by a clock of its own, and made to fail."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import Request, Response

from services.cli.demosinks import hubspot
from services.cli.demosinks.hubspot import WINDOW, invalid

__all__ = ["WINDOW", "Portal"]


@dataclass
class Portal(hubspot.Portal):
    """One portal."""

    token: str = "pat-token"
    indexed: dict[str, dict[str, str]] | None = None
    """What the search index has of contacts where it lags behind."""
    calls: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    fails: list[Response] = field(default_factory=list)
    fails_at: dict[str, list[Response]] = field(default_factory=dict)
    """By path, the first answers."""
    refuses: set[str] = field(default_factory=set)
    """E-mails that are not valid to it."""
    whole: bool = False
    """One that is not valid costs its whole batch."""
    now: datetime = datetime(2026, 11, 23, 9, tzinfo=UTC)
    url: str = ""

    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    async def _check(self, request: Request, call: Any) -> Response:
        path = request.url.path
        self.calls.append(f"{request.method} {path}")

        async def failing(request: Request) -> Response:
            if self.fails:
                return self.fails.pop(0)
            if self.fails_at.get(path):
                return self.fails_at[path].pop(0)
            answer: Response = await call(request)
            return answer

        return await super()._check(request, failing)

    async def _upsert(self, request: Request) -> Response:
        emails = {str(one["id"]) for one in (await request.json())["inputs"]}
        if self.whole and self.refuses & emails:
            return invalid("an input is not valid")
        return await super()._upsert(request)

    def _is_valid(self, email: str) -> bool:
        return email not in self.refuses

    def _searched(self) -> dict[str, dict[str, str]]:
        return self.contacts if self.indexed is None else self.indexed

    def _inputs(self, asked: dict[str, Any]) -> list[str]:
        emails = super()._inputs(asked)
        self.sizes.append(len(emails))
        return emails
