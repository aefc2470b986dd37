"""The HubSpot of the page: its owners are our reps, and a person can give a contact away there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import APIRouter, Form, Response
from fastapi.responses import RedirectResponse

from services.cli.demosinks.hubspot import Portal
from services.cli.demosinks.inbox import Inbox, Received
from services.kernel.people import Rep

SINK = "hubspot"
_FIRST_OWNER = 7001
_SOMEBODY = "1"
"""Whoever presses a button of the page, as a user of the CRM."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class ShownPortal(Portal):
    """Keeps in the inbox what was written last of each contact."""

    inbox: Inbox = field(default_factory=Inbox)
    clock: Callable[[], datetime] = _now

    def written(self, email: str) -> None:
        """A program wrote a contact."""
        self._show(email, "written by Handraise")

    def given(self, email: str, owner: str) -> None:
        """A person gives a contact away."""
        self.give(email, owner, _SOMEBODY)
        self._show(email, "given away by a person there")

    def name_of(self, owner: str | None) -> str:
        """An owner, for a person."""
        known = next((one for one in self.owners if one["id"] == owner), None)
        return f"{known['firstName']} {known['lastName']}".strip() if known else "nobody"

    def _show(self, email: str, how: str) -> None:
        contact = self.contacts[email]
        owner = self.name_of(contact.get("hubspot_owner_id"))
        about = "\n".join(f"{name}: {value}" for name, value in sorted(contact.items()))
        known = self.inbox.find(SINK, email)
        if known is None:
            known = Received(SINK, self.clock(), email, "", email)
            self.inbox.add(known)
        else:
            known.changes += 1
        known.title, known.text, known.to = f"{email}: {owner}", f"{how}\n{about}", owner
        known.raw = dict(contact)


def portal(
    inbox: Inbox, token: str, reps: Iterable[Rep], now: Callable[[], datetime]
) -> ShownPortal:
    """A portal whose owners are these reps, by their addresses."""
    made = ShownPortal(token=token, inbox=inbox, clock=now)
    for number, rep in enumerate(reps, _FIRST_OWNER):
        made.owner(str(number), rep.email, rep.name)
    return made


def router(crm: ShownPortal) -> APIRouter:
    """What the page does in the CRM."""
    routes = APIRouter()

    @routes.post("/hubspot/give")
    async def give(email: str = Form(), owner: str = Form()) -> Response:
        if email in crm.contacts:
            crm.given(email, owner)
        return RedirectResponse("/", 303)

    return routes
