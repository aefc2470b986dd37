"""Stand-ins of Outreach and Salesloft that keep records, check what they are sent and refuse as the
vendors do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.runtime.server import serve

MEDIA = "application/vnd.api+json"
Vendor = TypeVar("Vendor", "Organisation", "Team")


@asynccontextmanager
async def listening(vendor: Vendor) -> AsyncIterator[Vendor]:
    """Its address is in ``url`` until the block ends."""
    server = await serve(vendor.application(), "127.0.0.1", 0)
    vendor.url = server.url
    try:
        yield vendor
    finally:
        await server.stop(0.5)


@dataclass
class _Standing:
    """What both have."""

    calls: list[str] = field(default_factory=list)
    fails: list[Response] = field(default_factory=list)
    """Answers of the next calls to the API."""
    url: str = ""


@dataclass
class Organisation(_Standing):
    """Outreach: prospects by number, sequence states, and a login that changes at each refresh."""

    prospects: dict[int, dict[str, Any]] = field(default_factory=dict)
    states: dict[int, dict[str, Any]] = field(default_factory=dict)
    sequences: set[int] = field(default_factory=lambda: {7})
    refreshes: int = 0
    expires_in: int = 7200

    def application(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._check)
        app.post("/oauth/token")(self._login)
        app.get("/api/v2/sequences/{id}")(self._sequence)
        app.get("/api/v2/prospects")(self._find)
        app.post("/api/v2/prospects")(self._create)
        app.patch("/api/v2/prospects/{id}")(self._change)
        app.get("/api/v2/sequenceStates")(self._find_states)
        app.get("/api/v2/sequenceStates/{id}")(self._state)
        app.post("/api/v2/sequenceStates")(self._enter)
        app.post("/api/v2/sequenceStates/{id}/actions/finish")(self._finish)
        return app

    async def _check(self, request: Request, call: Any) -> Response:
        if request.url.path == "/oauth/token":
            passed: Response = await call(request)
            return passed
        self.calls.append(f"{request.method} {request.url.path}")
        if request.headers.get("authorization") != f"Bearer access-{self.refreshes}":
            return _errors(401, "unauthenticated")
        if request.headers.get("content-type") != MEDIA:
            return _errors(415, "unsupportedMediaType")
        if self.fails:
            return self.fails.pop(0)
        answer: Response = await call(request)
        return answer

    async def _login(self, request: Request) -> Response:
        form = {name: one for name, [one] in parse_qs((await request.body()).decode()).items()}
        known = form["client_id"] == "app" and form["client_secret"] == "client-secret"
        if not known or form["redirect_uri"] != "https://me.example/oauth":
            return JSONResponse({"error": "invalid_client"}, 401)
        good = form["grant_type"] == "refresh_token"
        if not good or form["refresh_token"] != f"refresh-{self.refreshes}":
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.refreshes += 1
        return JSONResponse(
            {
                "access_token": f"access-{self.refreshes}",
                "refresh_token": f"refresh-{self.refreshes}",
                "token_type": "bearer",
                "expires_in": self.expires_in,
            }
        )

    async def _sequence(self, id: int) -> Response:  # noqa: A002
        if id not in self.sequences:
            return _errors(404, "resourceNotFound")
        return _data({"type": "sequence", "id": id})

    async def _find(self, request: Request) -> Response:
        email = request.query_params["filter[emails]"]
        found = [one for one in self.prospects.values() if email in one["attributes"]["emails"]]
        return _data(found[: int(request.query_params["page[size]"])])

    async def _create(self, request: Request) -> Response:
        one = _resource(await request.json(), "prospect")
        for email in one["attributes"]["emails"]:
            if any(email in known["attributes"]["emails"] for known in self.prospects.values()):
                return _errors(422, "validationDuplicateValueError")
        one["id"] = len(self.prospects) + 101
        self.prospects[one["id"]] = one
        return _data(one, 201)

    async def _change(self, id: int, request: Request) -> Response:  # noqa: A002
        one = _resource(await request.json(), "prospect")
        assert one["id"] == id
        self.prospects[id]["attributes"] |= one["attributes"]
        self.prospects[id]["relationships"] |= one["relationships"]
        return _data(self.prospects[id])

    async def _find_states(self, request: Request) -> Response:
        wanted = {
            name: int(request.query_params[f"filter[{name}][id]"])
            for name in ("prospect", "sequence")
        }
        found = [
            one
            for one in self.states.values()
            if all(one["relationships"][name]["data"]["id"] == id_ for name, id_ in wanted.items())
        ]
        return _data([{k: one[k] for k in ("type", "id", "attributes")} for one in found])

    async def _state(self, id: int) -> Response:  # noqa: A002
        known = self.states.get(id)
        return _errors(404, "resourceNotFound") if known is None else _data(known)

    async def _enter(self, request: Request) -> Response:
        one = _resource(await request.json(), "sequenceState")
        ids = {name: part["data"]["id"] for name, part in one["relationships"].items()}
        if ids.keys() != {"prospect", "sequence", "mailbox"}:
            return _errors(422, "validationError")
        if ids["prospect"] not in self.prospects or ids["sequence"] not in self.sequences:
            return _errors(422, "validationError")
        one["id"] = len(self.states) + 501
        one["attributes"] = {"state": "active"}
        self.states[one["id"]] = one
        return _data(one, 201)

    async def _finish(self, id: int) -> Response:  # noqa: A002
        if id not in self.states:
            return _errors(404, "resourceNotFound")
        if self.states[id]["attributes"]["state"] == "finished":
            return _errors(422, "validationError")
        self.states[id]["attributes"]["state"] = "finished"
        return _data(self.states[id])


@dataclass
class Team(_Standing):
    """Salesloft: people by address, memberships of cadences."""

    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    memberships: dict[int, dict[str, Any]] = field(default_factory=dict)
    cadences: set[int] = field(default_factory=lambda: {7})
    do_not_contact: set[str] = field(default_factory=set)

    def application(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._check)
        app.get("/v2/cadences/{id}")(self._cadence)
        app.post("/v2/person_upserts")(self._upsert)
        app.get("/v2/cadence_memberships")(self._list)
        app.post("/v2/cadence_memberships")(self._enter)
        app.delete("/v2/cadence_memberships/{id}")(self._leave)
        return app

    async def _check(self, request: Request, call: Any) -> Response:
        self.calls.append(f"{request.method} {request.url.path}")
        if request.headers.get("authorization") != "Bearer ak_key":
            return JSONResponse({"error": "Invalid Bearer Token"}, 401)
        if self.fails:
            return self.fails.pop(0)
        answer: Response = await call(request)
        return answer

    async def _cadence(self, id: int) -> Response:  # noqa: A002
        if id not in self.cadences:
            return JSONResponse({"error": "Not Found"}, 404)
        return JSONResponse({"data": {"id": id}})

    async def _upsert(self, request: Request) -> Response:
        said = await request.json()
        assert said.pop("upsert_key") == "email_address"
        email = said["email_address"]
        kind = "update" if email in self.people else "create"
        person = self.people.setdefault(email, {"id": len(self.people) + 11})
        person |= said
        return JSONResponse({"data": {"person": person, "upsert_type": kind}})

    async def _list(self, person_id: int, cadence_id: int) -> Response:
        return JSONResponse(
            {
                "data": [
                    {"id": id_, "currently_on_cadence": one["on"]}
                    for id_, one in self.memberships.items()
                    if (one["person"], one["cadence"]) == (person_id, cadence_id)
                ]
            }
        )

    async def _enter(self, person_id: int, cadence_id: int, user_id: int) -> Response:
        person = next((one for one in self.people.values() if one["id"] == person_id), None)
        if person is None or cadence_id not in self.cadences:
            return JSONResponse({"errors": {"cadence_id": ["must exist"]}}, 422)
        if person["email_address"] in self.do_not_contact:
            return JSONResponse({"errors": {"person": ["is marked as do not contact"]}}, 422)
        id_ = len(self.memberships) + 901
        self.memberships[id_] = {
            "person": person_id,
            "cadence": cadence_id,
            "user": user_id,
            "on": True,
        }
        return JSONResponse({"data": {"id": id_, "currently_on_cadence": True}})

    async def _leave(self, id: int) -> Response:  # noqa: A002
        if id not in self.memberships or not self.memberships[id]["on"]:
            return JSONResponse({"error": "Not Found"}, 404)
        self.memberships[id]["on"] = False
        return Response(status_code=204)


def _resource(said: dict[str, Any], type_: str) -> dict[str, Any]:
    """What JSON:API demands of a request with a resource."""
    one: dict[str, Any] = said["data"]
    assert one["type"] == type_
    for part in one.get("relationships", {}).values():
        assert set(part["data"]) == {"type", "id"}
    return one


def _data(data: Any, status: int = 200) -> Response:
    return JSONResponse({"data": data}, status, media_type=MEDIA)


def _errors(status: int, name: str) -> Response:
    return JSONResponse({"errors": [{"id": name, "title": name}]}, status, media_type=MEDIA)
