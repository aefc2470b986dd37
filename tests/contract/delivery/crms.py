"""Stand-ins of HubSpot and Salesforce that keep records, check what they are sent and refuse as the
vendors do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.runtime.server import serve

TOKEN = "pat-token"
_CONTACTS = "/crm/v3/objects/contacts"
_TIME = "%Y-%m-%dT%H:%M:%S.000+0000"


@dataclass
class Portal:
    """HubSpot: contacts by e-mail, members of lists."""

    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    lists: dict[str, set[str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    fails: list[Response] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    """E-mails that are not valid to it."""
    url: str = ""

    def application(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._check)
        app.post(f"{_CONTACTS}/batch/read")(self._read)
        app.post(f"{_CONTACTS}/batch/upsert")(self._upsert)
        app.put("/crm/v3/lists/{list_id}/memberships/add")(self._add)
        return app

    async def _check(self, request: Request, call: Any) -> Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return JSONResponse({"category": "INVALID_AUTHENTICATION"}, 401)
        if self.fails:
            return self.fails.pop(0)
        answer: Response = await call(request)
        return answer

    async def _read(self, request: Request) -> Response:
        asked = await request.json()
        assert asked["idProperty"] == "email"
        emails = self._inputs(asked)
        results = [self._contact(email) for email in emails if email in self.contacts]
        missing = [email for email in emails if email not in self.contacts]
        errors = [{"category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}]
        body = {"status": "COMPLETE", "results": results}
        if not missing:
            return JSONResponse(body)
        return JSONResponse({**body, "numErrors": 1, "errors": errors}, 207)

    async def _upsert(self, request: Request) -> Response:
        asked = await request.json()
        self._inputs(asked)
        results, errors = [], []
        for one in asked["inputs"]:
            assert one["idProperty"] == "email"
            trace = one["objectWriteTraceId"]
            if one["id"] in self.refuses:
                context = {"objectWriteTraceId": [trace]}
                errors.append({"category": "VALIDATION_ERROR", "context": context})
                continue
            known = self.contacts.setdefault(one["id"], {})
            known |= one["properties"]
            results.append({**self._contact(one["id"]), "objectWriteTraceId": trace})
        if errors:
            return JSONResponse({"results": results, "errors": errors}, 207)
        return JSONResponse({"status": "COMPLETE", "results": results})

    async def _add(self, list_id: str, request: Request) -> Response:
        self.lists.setdefault(list_id, set()).update(await request.json())
        return JSONResponse({"recordsIdsAdded": []})

    def _inputs(self, asked: dict[str, Any]) -> list[str]:
        emails = [str(one["id"]) for one in asked["inputs"]]
        assert 0 < len(emails) <= 100, "HubSpot takes at most 100"
        assert len(set(emails)) == len(emails), "HubSpot refuses an id twice in a batch"
        self.sizes.append(len(emails))
        return emails

    def _contact(self, email: str) -> dict[str, Any]:
        return {"id": f"id-{email}", "properties": {"email": email, **self.contacts[email]}}


@dataclass
class Org:
    """Salesforce: leads by id."""

    leads: dict[str, dict[str, Any]] = field(default_factory=dict)
    sessions: set[str] = field(default_factory=set)
    logins: int = 0
    fails: list[Response] = field(default_factory=list)
    changes_between: list[dict[str, Any]] = field(default_factory=list)
    """What a person does after the next query, in turn."""
    now: datetime = datetime(2026, 11, 23, 9, tzinfo=UTC)
    url: str = ""

    def put(self, email: str, owner: str, **more: Any) -> str:
        id_ = f"00Q{len(self.leads):015d}"
        self.leads[id_] = {
            "Id": id_, "Email": email, "OwnerId": owner, "IsConverted": False,
            "LastModifiedDate": self.now, **more,
        }  # fmt: skip
        return id_

    def application(self) -> FastAPI:
        app, data = FastAPI(), "/services/data/v62.0"
        app.middleware("http")(self._check)
        app.post("/services/oauth2/token")(self._log_in)
        app.get(f"{data}/query")(self._query)
        app.patch(f"{data}/sobjects/Lead/{{id_}}")(self._update)
        app.post(f"{data}/sobjects/Lead")(self._create)
        return app

    async def _check(self, request: Request, call: Any) -> Response:
        if "oauth2" not in request.url.path:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if given not in self.sessions:
                return JSONResponse([{"errorCode": "INVALID_SESSION_ID"}], 401)
            if self.fails:
                return self.fails.pop(0)
        answer: Response = await call(request)
        return answer

    async def _log_in(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs(await _text(request)).items()}
        if form["client_secret"] != "client-secret":
            return JSONResponse({"error": "invalid_client"}, 400)
        assert form["grant_type"] == "client_credentials"
        self.logins += 1
        session = f"session-{self.logins}"
        self.sessions = {session}
        return JSONResponse({"access_token": session, "token_type": "Bearer"})

    async def _query(self, q: str) -> Response:
        found = re.search(r"Email = '((?:[^'\\]|\\.)*)'", q)
        assert found is not None, q
        email = re.sub(r"\\(.)", r"\1", found[1])
        records = [
            {**lead, "LastModifiedDate": lead["LastModifiedDate"].strftime(_TIME)}
            for lead in self.leads.values()
            if lead["Email"] == email and not lead["IsConverted"]
        ]
        if self.changes_between:
            self.now += timedelta(minutes=1)
            change = {**self.changes_between.pop(0), "LastModifiedDate": self.now}
            for lead in self.leads.values():
                lead |= change
        return JSONResponse({"totalSize": len(records), "records": records[:1]})

    async def _update(self, id_: str, request: Request) -> Response:
        assert request.headers["sforce-auto-assign"] == "FALSE"
        lead = self.leads[id_]
        since = parsedate_to_datetime(request.headers["if-unmodified-since"])
        if lead["LastModifiedDate"] > since:
            return Response(status_code=412)
        lead |= await request.json()
        return Response(status_code=204)

    async def _create(self, request: Request) -> Response:
        fields = await request.json()
        missing = [name for name in ("LastName", "Company") if not fields.get(name)]
        if missing:
            error = {"errorCode": "REQUIRED_FIELD_MISSING", "fields": missing}
            return JSONResponse([error], 400)
        id_ = self.put(fields.pop("Email"), fields.pop("OwnerId"), **fields)
        return JSONResponse({"id": id_, "success": True}, 201)


async def _text(request: Request) -> str:
    return (await request.body()).decode()


@asynccontextmanager
async def listening(crm: Portal | Org) -> AsyncIterator[None]:
    """Its address is in ``url`` until the block ends."""
    server = await serve(crm.application(), "127.0.0.1", 0)
    crm.url = server.url
    try:
        yield
    finally:
        await server.stop(0.5)
