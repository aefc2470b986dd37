"""Salesforce as its documents describe it: sessions, SOQL, composite calls, collections."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

DATA = "/services/data/v62.0"
_TIME = "%Y-%m-%dT%H:%M:%S.000+0000"
_AND = re.compile(r" AND (?![^(]*\))")
_LITERAL = r"(\d{4}-\d\d-\d\dT[\d:.]+Z)"


def refused(code: str, status: int = 400, **more: Any) -> JSONResponse:
    return JSONResponse([{"errorCode": code, "message": code.lower(), **more}], status)


@dataclass
class Org:
    """One org."""

    leads: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    logins: int = 0
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
    _cursors: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.now = self.now.replace(microsecond=0)  # it knows seconds

    # -- what people do there ------------------------------------------------------------------
    def tick(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now

    def put(self, email: str, owner: str, **more: Any) -> str:
        id_ = f"00Q{len(self.leads):015d}"
        self.leads[id_] = {
            "Id": id_, "Email": email, "OwnerId": owner, "IsConverted": False,
            "LastModifiedDate": self.now, "SystemModstamp": self.now,
            "LastModifiedById": "005API", **more,
        }  # fmt: skip
        return id_

    def give(self, email: str, owner: str, user: str) -> None:
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
    def application(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._check)
        app.post("/services/oauth2/token")(self._log_in)
        app.get(f"{DATA}/query")(self._query)
        app.get(f"{DATA}/queryAll")(self._query_all)
        app.get(f"{DATA}/query/{{locator}}")(self._more)
        app.post(f"{DATA}/composite")(self._composite)
        app.post(f"{DATA}/composite/sobjects")(self._create)
        return app

    async def _check(self, request: Request, call: Any) -> Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if "oauth2" not in request.url.path:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if given not in self.sessions:
                return refused("INVALID_SESSION_ID", 401)
            if self.fails:
                return self.fails.pop(0)
            if len(str(request.url)) > 16_384:
                return Response("URI Too Long", 414)
        answer: Response = await call(request)
        return answer

    async def _log_in(self, request: Request) -> Response:
        body = (await request.body()).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if form["client_secret"] != "client-secret":
            return JSONResponse({"error": "invalid_client"}, 400)
        if form["grant_type"] != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        self.logins += 1
        session = f"session-{self.logins}"
        self.sessions = {session}
        return JSONResponse({"access_token": session, "token_type": "Bearer"})

    async def _query(self, q: str) -> Response:
        return self._answered(q, deleted=False)

    async def _query_all(self, q: str) -> Response:
        return self._answered(q, deleted=True)

    def _answered(self, q: str, *, deleted: bool) -> Response:
        found = self._select(q)
        if found is None:
            return refused("MALFORMED_QUERY")
        found = [one for one in found if deleted or not one.get("IsDeleted")]
        said = [{name: _shown(value) for name, value in one.items()} for one in found]
        if self.changes_between:
            change = {**self.changes_between.pop(0), "LastModifiedDate": self.tick()}
            for lead in self.leads.values():
                lead |= change
        return self._piece(said)

    async def _more(self, locator: str) -> Response:
        if self.expires > 0:
            self.expires -= 1
            return refused("INVALID_QUERY_LOCATOR")
        return self._piece(self._cursors.pop(locator))

    def _piece(self, records: list[dict[str, Any]]) -> Response:
        some, rest = records[: self.piece], records[self.piece :]
        body: dict[str, Any] = {"totalSize": len(records), "done": not rest, "records": some}
        if rest:
            locator = f"01g{len(self.calls)}-{len(rest)}"
            self._cursors[locator] = rest
            body["nextRecordsUrl"] = f"{DATA}/query/{locator}"
        return JSONResponse(body)

    def _select(self, q: str) -> list[dict[str, Any]] | None:
        """The few forms of SOQL that we send; anything else is malformed."""
        parsed = re.fullmatch(
            r"SELECT ([\w, ]+) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY ([\w, ]+?))?( DESC)?"
            r"(?: LIMIT (\d+))?",
            q,
        )
        if parsed is None:
            return None
        names, table, where, order, down, limit = parsed.groups()
        rows = list({"Lead": self.leads, "Account": self.accounts, "User": self.users}[table]
                    .values())  # fmt: skip
        if where:
            for condition in _conditions(where):
                rows = [row for row in rows if condition(row)]
        keys = [one.strip() for one in (order or "Id").split(",")]
        rows.sort(key=lambda row: [row[key] for key in keys], reverse=bool(down))
        wanted = [one.strip() for one in names.split(",")]
        return [{name: row.get(name) for name in wanted} for row in rows][: int(limit or 50_000)]

    async def _composite(self, request: Request) -> Response:
        asked = await request.json()
        if len(asked["compositeRequest"]) > 25:
            return refused("LIMIT_EXCEEDED")
        if len({one["referenceId"] for one in asked["compositeRequest"]}) < len(
            asked["compositeRequest"]
        ):
            return refused("PROCESSING_HALTED")
        said = [self._subrequest(one) for one in asked["compositeRequest"]]
        return JSONResponse({"compositeResponse": said})

    def _subrequest(self, one: dict[str, Any]) -> dict[str, Any]:
        headers = {name.lower(): value for name, value in one["httpHeaders"].items()}
        assert not headers.keys() & {"accept", "authorization", "content-type"}
        assert headers["sforce-auto-assign"] == "FALSE"
        id_ = re.fullmatch(rf"{DATA}/sobjects/Lead/(\w+)", one["url"])
        assert one["method"] == "PATCH"
        assert id_ is not None, one["url"]
        lead = self.leads[id_[1]]
        status, body = self._patched(lead, headers, one["body"])
        return {"body": body, "httpHeaders": {}, "httpStatusCode": status,
                "referenceId": one["referenceId"]}  # fmt: skip

    def _patched(
        self, lead: dict[str, Any], headers: dict[str, str], fields: dict[str, Any]
    ) -> tuple[int, Any]:
        if lead["LastModifiedDate"] > parsedate_to_datetime(headers["if-unmodified-since"]):
            return 412, None
        if lead["Email"] in self.invalid:
            return 400, [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "no"}]
        at = self.tick()
        lead |= {**fields, "LastModifiedDate": at, "SystemModstamp": at,
                 "LastModifiedById": "005API"}  # fmt: skip
        return 204, None

    async def _create(self, request: Request) -> Response:
        asked = await request.json()
        assert request.headers["sforce-auto-assign"] == "FALSE"
        if not 0 < len(asked["records"]) <= 200:
            return refused("LIMIT_EXCEEDED")
        return JSONResponse([self._created(one) for one in asked["records"]])

    def _created(self, record: dict[str, Any]) -> dict[str, Any]:
        fields = dict(record)
        if fields.pop("attributes")["type"] != "Lead" or "Id" in fields:
            return _error("INVALID_TYPE")
        missing = [name for name in ("LastName", "Company") if not fields.get(name)]
        if missing:
            return _error("REQUIRED_FIELD_MISSING", missing)
        if fields["Email"] in self.invalid:
            return _error("FIELD_CUSTOM_VALIDATION_EXCEPTION")
        self.tick()
        id_ = self.put(fields.pop("Email"), fields.pop("OwnerId"), **fields)
        return {"id": id_, "success": True, "errors": []}


def _error(code: str, fields: list[str] | None = None) -> dict[str, Any]:
    error = {"statusCode": code, "message": code.lower(), "fields": fields or []}
    return {"success": False, "errors": [error]}


def _shown(value: Any) -> Any:
    return value.strftime(_TIME) if isinstance(value, datetime) else value


def _conditions(where: str) -> list[Any]:
    found = []
    keyset = rf"\((\w+) > {_LITERAL} OR \(\w+ = {_LITERAL} AND Id > '(\w+)'\)\)"
    if behind := re.search(keyset, where):
        name, at, _, id_ = behind.groups()
        key = (_read(at), id_)
        found.append(lambda row: (row[name], row["Id"]) > key)
        where = where.replace(behind[0], "")
    parts = (one.strip().removeprefix("AND").strip() for one in _AND.split(where))
    return [*found, *(_condition(part) for part in parts if part)]


def _condition(part: str) -> Any:
    if named := re.fullmatch(r"(\w+) IN \((.+)\)", part):
        values = {re.sub(r"\\(.)", r"\1", one)
                  for one in re.findall(r"'((?:[^'\\]|\\.)*)'", named[2])}  # fmt: skip
        return lambda row: row[named[1]] in values
    if since := re.fullmatch(rf"(\w+) >= {_LITERAL}", part):
        at = _read(since[2])
        return lambda row: row[since[1]] >= at
    if flag := re.fullmatch(r"(\w+) = false", part):
        return lambda row: not row[flag[1]]
    raise AssertionError(f"a condition that we do not send: {part}")


def _read(text: str) -> datetime:
    return datetime.fromisoformat(text)
