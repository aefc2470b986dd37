"""A HubSpot as its documents describe it: contacts, companies, owners, lists, search.

``up --demo-sinks`` runs it for trying; the tests make it fail as the vendor does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

_CONTACTS = "/crm/v3/objects/contacts"
_COMPANIES = "/crm/v3/objects/companies"
WINDOW = 10_000
"""Results of one search that can be reached."""


def invalid(message: str) -> JSONResponse:
    body = {"status": "error", "message": message, "category": "VALIDATION_ERROR"}
    return JSONResponse(body, 400)


class NotTakenError(Exception):
    """The request is not as the documents want it."""


@dataclass
class Portal:
    """One portal, in memory: a demonstration, not a store."""

    token: str = ""
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    """By e-mail."""
    companies: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id."""
    archived: dict[str, datetime] = field(default_factory=dict)
    owners: list[dict[str, Any]] = field(default_factory=list)
    history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """By e-mail, the owners that a contact had."""
    ids: dict[str, str] = field(default_factory=dict)
    """E-mail to a contact's id: 101 for the first."""
    lists: dict[str, set[str]] = field(default_factory=dict)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    """Of the last change."""

    def application(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._check)
        app.post(f"{_CONTACTS}/batch/read")(self._read)
        app.post(f"{_CONTACTS}/batch/upsert")(self._upsert)
        app.post(f"{_CONTACTS}/search")(self._search_contacts)
        app.post(f"{_COMPANIES}/search")(self._search_companies)
        app.get(_COMPANIES)(self._list_companies)
        app.get("/crm/v3/owners")(self._list_owners)
        app.put("/crm/v3/lists/{list_id}/memberships/add")(self._add)
        return app

    # -- what people do there ------------------------------------------------------------------
    def tick(self) -> datetime:
        """The time of a change: each has its own."""
        self.now = max(datetime.now(UTC), self.now + timedelta(milliseconds=1))
        return self.now

    def give(self, email: str, owner: str, user: str | None = None) -> None:
        """Somebody gives a contact to an owner."""
        at = self.tick()
        self.contacts.setdefault(email, {})["hubspot_owner_id"] = owner
        self.contacts[email]["lastmodifieddate"] = _text(at)
        change = {"value": owner, "timestamp": _text(at), "sourceType": "CRM_UI"}
        if user is not None:
            change["updatedByUserId"] = user
        self.history.setdefault(email, []).insert(0, change)

    def id_of(self, email: str) -> str:
        return self.ids.setdefault(email, str(101 + len(self.ids)))

    def company(self, id_: str, at: datetime | None = None, **properties: Any) -> None:
        self.companies[id_] = {"hs_lastmodifieddate": _text(at or self.tick()), **properties}

    def owner(self, id_: str, email: str, name: str = "", user: str = "") -> None:
        first, _, last = name.partition(" ")
        self.owners.append(
            {"id": id_, "email": email, "firstName": first, "lastName": last,
             "userId": int(user or id_) + 1_000_000 if not user else int(user), "archived": False}
        )  # fmt: skip

    # -- doors ---------------------------------------------------------------------------------
    async def _check(self, request: Request, call: Any) -> Response:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return JSONResponse({"category": "INVALID_AUTHENTICATION"}, 401)
        try:
            answer: Response = await call(request)
        except NotTakenError as error:
            return invalid(str(error))
        return answer

    async def _read(self, request: Request) -> Response:
        asked = await request.json()
        if asked.get("propertiesWithHistory"):
            return self._read_history(asked)
        if asked.get("idProperty") != "email":
            return invalid("idProperty")
        emails = self._inputs(asked)
        results = [self._contact(email) for email in emails if email in self.contacts]
        missing = [email for email in emails if email not in self.contacts]
        errors = [{"category": "OBJECT_NOT_FOUND", "context": {"ids": missing}}]
        body = {"status": "COMPLETE", "results": results}
        if not missing:
            return JSONResponse(body)
        return JSONResponse({**body, "numErrors": 1, "errors": errors}, 207)

    def _read_history(self, asked: dict[str, Any]) -> Response:
        if not 0 < len(asked["inputs"]) <= 50:
            return invalid("with history at most 50 inputs")
        by_id = {self.id_of(email): email for email in self.contacts}
        emails = [by_id[one["id"]] for one in asked["inputs"] if one["id"] in by_id]
        results = [
            {**self._contact(email),
             "propertiesWithHistory": {"hubspot_owner_id": self.history.get(email, [])}}
            for email in emails
        ]  # fmt: skip
        return JSONResponse({"status": "COMPLETE", "results": results})

    async def _upsert(self, request: Request) -> Response:
        asked = await request.json()
        self._inputs(asked)
        results, errors = [], []
        for one in asked["inputs"]:
            if one.get("idProperty") != "email":
                return invalid("idProperty")
            trace = one["objectWriteTraceId"]
            if not self._is_valid(one["id"]):
                context = {"objectWriteTraceId": [trace]}
                errors.append({"category": "VALIDATION_ERROR", "context": context})
                continue
            known = self.contacts.setdefault(one["id"], {})
            known |= {**one["properties"], "lastmodifieddate": _text(self.tick())}
            self.written(one["id"])
            results.append({**self._contact(one["id"]), "objectWriteTraceId": trace})
        if errors:
            return JSONResponse({"results": results, "errors": errors}, 207)
        return JSONResponse({"status": "COMPLETE", "results": results})

    def written(self, email: str) -> None:
        """A program wrote a contact."""

    def _is_valid(self, email: str) -> bool:
        return "@" in email

    async def _add(self, list_id: str, request: Request) -> Response:
        ids = await request.json()
        if not isinstance(ids, list) or not ids:
            return invalid("a list of ids is needed")
        self.lists.setdefault(list_id, set()).update(ids)
        return JSONResponse({"recordsIdsAdded": ids})

    async def _list_owners(self, limit: int = 100, after: str | None = None) -> Response:
        return _paged(self.owners, limit, after)

    async def _list_companies(
        self,
        limit: int = 10,
        after: str | None = None,
        archived: bool = False,
        properties: str = "",
    ) -> Response:
        if limit > 100:
            return invalid("limit: at most 100")
        if archived:
            gone = [
                {"id": id_, "archived": True, "archivedAt": _text(at), "properties": {}}
                for id_, at in sorted(self.archived.items())
            ]
            return _paged(gone, limit, after)
        ordered = sorted(self.companies.items(), key=lambda one: int(one[0]))
        wanted = properties.split(",")
        return _paged([_object(id_, values, wanted) for id_, values in ordered], limit, after)

    async def _search_companies(self, request: Request) -> Response:
        return _search(await request.json(), self.companies)

    async def _search_contacts(self, request: Request) -> Response:
        by_id = {self.id_of(email): values for email, values in self._searched().items()}
        return _search(await request.json(), by_id)

    def _searched(self) -> dict[str, dict[str, str]]:
        """What the search index has of contacts."""
        return self.contacts

    def _inputs(self, asked: dict[str, Any]) -> list[str]:
        emails = [str(one["id"]) for one in asked["inputs"]]
        if not 0 < len(emails) <= 100:
            raise NotTakenError("inputs: at most 100")
        if len(set(emails)) < len(emails):
            raise NotTakenError("inputs: an id is there twice")
        return emails

    def _contact(self, email: str) -> dict[str, Any]:
        properties = {"email": email, **self.contacts[email]}
        at = properties.setdefault("lastmodifieddate", _text(self.now))
        return {"id": self.id_of(email), "properties": properties, "updatedAt": at}


def _object(id_: str, values: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    return {
        "id": id_, "archived": False, "updatedAt": values["hs_lastmodifieddate"],
        "properties": {name: values.get(name) for name in wanted if name},
    }  # fmt: skip


def _paged(found: list[dict[str, Any]], limit: int, after: str | None) -> Response:
    start = int(after or 0)
    some = found[start : start + limit]
    body: dict[str, Any] = {"results": some}
    if start + limit < len(found):
        body["paging"] = {"next": {"after": str(start + limit)}}
    return JSONResponse(body)


def _search(asked: dict[str, Any], known: dict[str, dict[str, Any]]) -> Response:
    """Filters, one sort, pages; nothing behind the first 10,000."""
    limit, after = int(asked.get("limit", 10)), int(asked.get("after", 0))
    if not 0 < limit <= 200:
        return invalid("limit: at most 200")
    if after + limit > WINDOW:
        return invalid(f"paging: only the first {WINDOW} results can be reached")
    [group] = asked["filterGroups"]
    filters = group["filters"]
    if len(filters) > 6:
        return invalid("filters: at most 6 of a group")
    found = [
        (id_, values)
        for id_, values in known.items()
        if all(_fits(id_, values, one) for one in filters)
    ]
    [sort] = asked["sorts"]
    found.sort(key=lambda one: _sortable(one[0], one[1], sort["propertyName"]))
    some = found[after : after + limit]
    wanted = asked.get("properties") or []
    body: dict[str, Any] = {
        "total": len(found),
        "results": [
            {"id": id_, "properties": {name: values.get(name) for name in wanted},
             "updatedAt": _text(_changed_at(values))}
            for id_, values in some
        ],
    }  # fmt: skip
    if after + limit < len(found):
        body["paging"] = {"next": {"after": str(after + limit)}}
    return JSONResponse(body)


def _fits(id_: str, values: dict[str, Any], one: dict[str, str]) -> bool:
    there = _sortable(id_, values, one["propertyName"])
    wanted = int(one["value"])
    return {"GTE": there >= wanted, "GT": there > wanted, "EQ": there == wanted}[one["operator"]]


def _sortable(id_: str, values: dict[str, Any], name: str) -> int:
    if name == "hs_object_id":
        return int(id_)
    return int(_changed_at(values).timestamp() * 1000)


def _changed_at(values: dict[str, Any]) -> datetime:
    text = values.get("hs_lastmodifieddate") or values["lastmodifieddate"]
    return datetime.fromisoformat(text)


def _text(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
