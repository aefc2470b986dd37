"""A Salesforce as its documents describe it: sessions, SOQL, composite calls, collections.

``up --demo-sinks`` runs it for trying; the tests make it fail as the vendor does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

DATA = "/services/data/v62.0"
API_USER = "005API"
"""Whom its audit fields name where we wrote."""
_TIME = "%Y-%m-%dT%H:%M:%S.000+0000"
_AND = re.compile(r" AND (?![^(]*\))")
_LITERAL = r"(\d{4}-\d\d-\d\dT[\d:.]+Z)"

Row = dict[str, Any]
Condition = Callable[[Row], bool]


def refused(code: str, status: int = 400, **more: Any) -> JSONResponse:
    return JSONResponse([{"errorCode": code, "message": code.lower(), **more}], status)


class NotTakenError(Exception):
    """The request is not as the documents want it."""


@dataclass
class Org:
    """One org, in memory: a demonstration, not a store."""

    secret: str = ""
    """Of the connected app."""
    leads: dict[str, Row] = field(default_factory=dict)
    accounts: dict[str, Row] = field(default_factory=dict)
    users: dict[str, Row] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    logins: int = 0
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """Of the last change; it knows whole seconds."""

    def application(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._check)
        app.post("/services/oauth2/token")(self._log_in)
        app.get(f"{DATA}/query")(self._query)
        app.get(f"{DATA}/queryAll")(self._query_all)
        app.post(f"{DATA}/composite")(self._composite)
        app.post(f"{DATA}/composite/sobjects")(self._create)
        return app

    # -- what people do there ------------------------------------------------------------------
    def tick(self) -> datetime:
        """The time of a change: each has its own second."""
        present = datetime.now(UTC).replace(microsecond=0)
        self.now = max(present, self.now + timedelta(seconds=1))
        return self.now

    def put(self, email: str, owner: str, **more: Any) -> str:
        """A new lead; gives its id."""
        id_ = f"00Q{len(self.leads):015d}"
        self.leads[id_] = {
            "Id": id_, "Email": email, "OwnerId": owner, "IsConverted": False,
            "LastModifiedDate": self.now, "SystemModstamp": self.now,
            "LastModifiedById": API_USER, **more,
        }  # fmt: skip
        return id_

    def give(self, email: str, owner: str, user: str) -> None:
        """A person gives a lead to an owner."""
        for lead in self.leads.values():
            if lead["Email"] == email:
                at = self.tick()
                lead |= {"OwnerId": owner, "LastModifiedById": user,
                         "LastModifiedDate": at, "SystemModstamp": at}  # fmt: skip

    def account(self, id_: str, at: datetime | None = None, **fields: Any) -> None:
        when = at or self.tick()
        self.accounts[id_] = {
            "Id": id_, "IsDeleted": False, "SystemModstamp": when, "CreatedDate": when, **fields
        }  # fmt: skip

    def user(self, id_: str, email: str, name: str = "", active: bool = True) -> None:
        self.users[id_] = {
            "Id": id_, "Email": email, "Name": name or email, "IsActive": active,
            "SystemModstamp": self.now,
        }  # fmt: skip

    # -- doors ---------------------------------------------------------------------------------
    async def _check(self, request: Request, call: Any) -> Response:
        if not request.url.path.endswith("/oauth2/token"):
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if given not in self.sessions:
                return refused("INVALID_SESSION_ID", 401)
            if len(str(request.url)) > 16_384:
                return Response("URI Too Long", 414)
        try:
            answer: Response = await call(request)
        except NotTakenError as error:
            return refused(str(error))
        return answer

    async def _log_in(self, request: Request) -> Response:
        body = (await request.body()).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if form.get("client_secret") != self.secret:
            return JSONResponse({"error": "invalid_client"}, 400)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        self.logins += 1
        session = f"session-{self.logins}"
        self.sessions = {session}
        return JSONResponse({"access_token": session, "token_type": "Bearer"})

    async def _query(self, q: str) -> Response:
        return self._piece(self._answered(q, deleted=False))

    async def _query_all(self, q: str) -> Response:
        return self._piece(self._answered(q, deleted=True))

    def _answered(self, q: str, *, deleted: bool) -> list[Row]:
        found = [one for one in self._select(q) if deleted or not one.get("IsDeleted")]
        return [{name: _shown(value) for name, value in one.items()} for one in found]

    def _piece(self, records: list[Row]) -> Response:
        """All that was found; an org may cut it up."""
        return JSONResponse({"totalSize": len(records), "done": True, "records": records})

    def _select(self, q: str) -> list[Row]:
        """The few forms of SOQL that we send; anything else is malformed."""
        parsed = re.fullmatch(
            r"SELECT ([\w, ]+) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY ([\w, ]+?))?( DESC)?"
            r"(?: LIMIT (\d+))?",
            q,
        )
        tables = {"Lead": self.leads, "Account": self.accounts, "User": self.users}
        if parsed is None or parsed[2] not in tables:
            raise NotTakenError("MALFORMED_QUERY")
        names, table, where, order, down, limit = parsed.groups()
        rows = list(tables[table].values())
        for condition in _conditions(where) if where else ():
            rows = [row for row in rows if condition(row)]
        keys = [one.strip() for one in (order or "Id").split(",")]
        rows.sort(key=lambda row: [row[key] for key in keys], reverse=bool(down))
        wanted = [one.strip() for one in names.split(",")]
        return [{name: row.get(name) for name in wanted} for row in rows][: int(limit or 50_000)]

    async def _composite(self, request: Request) -> Response:
        asked = (await request.json())["compositeRequest"]
        if len(asked) > 25:
            return refused("LIMIT_EXCEEDED")
        if len({one["referenceId"] for one in asked}) < len(asked):
            return refused("PROCESSING_HALTED")
        return JSONResponse({"compositeResponse": [self._subrequest(one) for one in asked]})

    def _subrequest(self, one: dict[str, Any]) -> dict[str, Any]:
        headers = {name.lower(): value for name, value in one["httpHeaders"].items()}
        lead_id = re.fullmatch(rf"{DATA}/sobjects/Lead/(\w+)", one["url"])
        forbidden = headers.keys() & {"accept", "authorization", "content-type"}
        if forbidden or one["method"] != "PATCH" or lead_id is None:
            raise NotTakenError("INVALID_BATCH_REQUEST")
        _not_assigned_there(headers)
        status, body = self._patched(self.leads[lead_id[1]], headers, one["body"])
        return {"body": body, "httpHeaders": {}, "httpStatusCode": status,
                "referenceId": one["referenceId"]}  # fmt: skip

    def _patched(
        self, lead: Row, headers: dict[str, str], fields: dict[str, Any]
    ) -> tuple[int, Any]:
        if lead["LastModifiedDate"] > parsedate_to_datetime(headers["if-unmodified-since"]):
            return 412, None
        if not self._is_valid(lead["Email"]):
            return 400, [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no"}]
        at = self.tick()
        lead |= {**fields, "LastModifiedDate": at, "SystemModstamp": at,
                 "LastModifiedById": API_USER}  # fmt: skip
        self.written(lead["Email"])
        return 204, None

    async def _create(self, request: Request) -> Response:
        asked = await request.json()
        _not_assigned_there(dict(request.headers))
        if not 0 < len(asked["records"]) <= 200:
            return refused("LIMIT_EXCEEDED")
        return JSONResponse([self._created(one) for one in asked["records"]])

    def _created(self, record: Row) -> dict[str, Any]:
        fields = dict(record)
        if fields.pop("attributes")["type"] != "Lead" or "Id" in fields:
            return _error("INVALID_TYPE")
        missing = [name for name in ("LastName", "Company") if not fields.get(name)]
        if missing:
            return _error("REQUIRED_FIELD_MISSING", missing)
        if not self._is_valid(fields["Email"]):
            return _error("FIELD_CUSTOM_VALIDATION_EXCEPTION")
        self.tick()
        email = fields.pop("Email")
        id_ = self.put(email, fields.pop("OwnerId"), **fields)
        self.written(email)
        return {"id": id_, "success": True, "errors": []}

    def written(self, email: str) -> None:
        """A program wrote a lead."""

    def _is_valid(self, email: str) -> bool:
        """Whether the org's validation rules take the lead."""
        return "@" in email


def _not_assigned_there(headers: dict[str, str]) -> None:
    """The org's own assignment rules would take the lead away from who has it."""
    if headers.get("sforce-auto-assign") != "FALSE":
        raise NotTakenError("ASSIGNMENT_RULES_ARE_ON")


def _error(code: str, fields: list[str] | None = None) -> dict[str, Any]:
    error = {"statusCode": code, "message": code.lower(), "fields": fields or []}
    return {"success": False, "errors": [error]}


def _shown(value: Any) -> Any:
    return value.strftime(_TIME) if isinstance(value, datetime) else value


def _conditions(where: str) -> list[Condition]:
    found: list[Condition] = []
    keyset = rf"\((\w+) > {_LITERAL} OR \(\w+ = {_LITERAL} AND Id > '(\w+)'\)\)"
    if behind := re.search(keyset, where):
        name, at, _, id_ = behind.groups()
        key = (_read(at), id_)
        found.append(lambda row: (row[name], row["Id"]) > key)
        where = where.replace(behind[0], "")
    parts = (one.strip().removeprefix("AND").strip() for one in _AND.split(where))
    return [*found, *(_condition(part) for part in parts if part)]


def _condition(part: str) -> Condition:
    if named := re.fullmatch(r"(\w+) IN \((.+)\)", part):
        values = {re.sub(r"\\(.)", r"\1", one)
                  for one in re.findall(r"'((?:[^'\\]|\\.)*)'", named[2])}  # fmt: skip
        return lambda row: row[named[1]] in values
    if since := re.fullmatch(rf"(\w+) >= {_LITERAL}", part):
        at = _read(since[2])
        return lambda row: row[since[1]] >= at
    if flag := re.fullmatch(r"(\w+) = false", part):
        return lambda row: not row[flag[1]]
    raise NotTakenError("MALFORMED_QUERY")


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)
