"""The CRMs of the page: their users are our reps, and a person can give a lead away there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from services.cli.demosinks.hubspot import Portal
from services.cli.demosinks.inbox import Inbox, Received
from services.cli.demosinks.salesforce import Org
from services.kernel.people import Rep

HUBSPOT, SALESFORCE = "hubspot", "salesforce"
_FIRST_OWNER = 7001
_SOMEBODY = {HUBSPOT: "1", SALESFORCE: "005PERSON"}
"""Whoever presses a button of the page, as a user of the CRM."""
_PROGRAM, _PERSON = "written by Handraise", "given away by a person there"


class Shown(Protocol):
    """A CRM on the page."""

    def owners_shown(self) -> dict[str, str]:
        """Id of each user to who they are."""

    def given(self, email: str, owner: str) -> None:
        """A person gives away what stands there of an address, if anything does."""


def _now() -> datetime:
    return datetime.now(UTC)


def _show(
    inbox: Inbox, sink: str, email: str, owner: str, how: str, values: Mapping[str, Any],
    at: datetime,
) -> None:  # fmt: skip
    """Keep what was written last of a person."""
    about = "\n".join(f"{name}: {value}" for name, value in sorted(values.items()))
    known = inbox.find(sink, email)
    if known is None:
        known = Received(sink, at, email, "", email)
        inbox.add(known)
    else:
        known.changes += 1
    known.title, known.text, known.to = f"{email}: {owner}", f"{how}\n{about}", owner
    known.raw = dict(values)


@dataclass
class ShownPortal(Portal):
    """HubSpot: its contacts."""

    inbox: Inbox = field(default_factory=Inbox)
    clock: Callable[[], datetime] = _now

    def written(self, email: str) -> None:
        self._show(email, _PROGRAM)

    def given(self, email: str, owner: str) -> None:
        if email in self.contacts:
            self.give(email, owner, _SOMEBODY[HUBSPOT])
            self._show(email, _PERSON)

    def owners_shown(self) -> dict[str, str]:
        return {one["id"]: one["email"] for one in self.owners}

    def _show(self, email: str, how: str) -> None:
        contact = self.contacts[email]
        known = {one["id"]: one for one in self.owners}.get(contact.get("hubspot_owner_id"))
        name = f"{known['firstName']} {known['lastName']}".strip() if known else "nobody"
        _show(self.inbox, HUBSPOT, email, name, how, contact, self.clock())


@dataclass
class ShownOrg(Org):
    """Salesforce: its leads."""

    inbox: Inbox = field(default_factory=Inbox)
    clock: Callable[[], datetime] = _now

    def written(self, email: str) -> None:
        self._show(email, _PROGRAM)

    def given(self, email: str, owner: str) -> None:
        if any(lead["Email"] == email for lead in self.leads.values()):
            self.give(email, owner, _SOMEBODY[SALESFORCE])
            self._show(email, _PERSON)

    def owners_shown(self) -> dict[str, str]:
        return {id_: str(one["Email"]) for id_, one in self.users.items()}

    def _show(self, email: str, how: str) -> None:
        lead = next(one for one in self.leads.values() if one["Email"] == email)
        owner = self.users.get(lead["OwnerId"])
        values = {name: str(value) for name, value in lead.items() if value is not None}
        name = str(owner["Name"]) if owner else "nobody"
        _show(self.inbox, SALESFORCE, email, name, how, values, self.clock())


def portal(
    inbox: Inbox, token: str, reps: Iterable[Rep], now: Callable[[], datetime]
) -> ShownPortal:
    """A HubSpot whose owners are these reps, by their addresses."""
    made = ShownPortal(token=token, inbox=inbox, clock=now)
    for number, rep in enumerate(reps, _FIRST_OWNER):
        made.owner(str(number), rep.email, rep.name)
    return made


def org(inbox: Inbox, secret: str, reps: Iterable[Rep], now: Callable[[], datetime]) -> ShownOrg:
    """A Salesforce whose users are these reps, by their addresses."""
    made = ShownOrg(secret=secret, inbox=inbox, clock=now)
    made.tick()
    for number, rep in enumerate(reps, _FIRST_OWNER):
        made.user(f"005A{number:011d}", rep.email, rep.name)
    return made


def router(crms: Mapping[str, Shown]) -> APIRouter:
    """What the page does in the CRMs."""
    routes = APIRouter()

    @routes.post("/{crm}/give")
    async def give(crm: str, email: str = Form(), owner: str = Form()) -> Response:
        if crm in crms:
            crms[crm].given(email, owner)
        return RedirectResponse("/", 303)

    return routes
