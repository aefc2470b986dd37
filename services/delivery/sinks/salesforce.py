"""Salesforce: the lead and its owner, by REST, as the user of a connected app; in batches.

One query finds up to 200 leads. New ones go in one call (sObject Collections). An owner is changed
by a composite call of up to 25 writes, each of which names the version that was read
(``If-Unmodified-Since``), so a person's change between the two is never overwritten: collections
cannot say that. ``Sforce-Auto-Assign: FALSE`` keeps Salesforce's own assignment rules away.
Formats: developer.salesforce.com, REST API (Query, Composite, sObject Collections, conditional
requests).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import quote

from pydantic_core import from_json

from schemas.assignment import AssignmentChanged
from services.delivery.config import SalesforceSink
from services.delivery.model import Again, Delivered, Outcome, Owned, Refused, Skipped
from services.delivery.ownership import Verdict, judge
from services.delivery.sinks.base import Message
from services.delivery.sinks.batching import Batcher
from services.delivery.sinks.salesforce_session import Session, code_of, failed, judged, quoted

MOST: Final = 200
_WRITES: Final = 25
_QUERY_BYTES: Final = 8_000
"""Of the addresses in one query; an address of HTTP may have 16 KiB there."""
_ALONE: Final = {"sforce-auto-assign": "FALSE"}

Numbered = tuple[int, Message]


class Salesforce:
    """One org."""

    def __init__(self, config: SalesforceSink, session: Session) -> None:
        self._config = config
        self._session = session
        self._batcher = Batcher(MOST, self._together)

    async def send(self, message: Message) -> Outcome:
        """See :class:`~services.delivery.sinks.base.Sink`."""
        event = message.delivery.event
        if not event.lead.email:
            return Skipped("no_email")
        if self._owner_id(event) is None:
            return Refused("no_salesforce_id")
        return await self._batcher.send(message)

    # -- a batch -------------------------------------------------------------------------------
    async def _together(self, messages: Sequence[Message]) -> Sequence[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for some in _pieces(list(enumerate(messages))):
            outcomes |= await self._some(some)
        return [outcomes[at] for at in range(len(messages))]

    async def _some(self, messages: Sequence[Numbered]) -> dict[int, Outcome]:
        emails = {str(message.delivery.event.lead.email) for _, message in messages}
        found = await self._session.ask("GET", f"/query?q={quote(_query(emails), safe='')}")
        if found.status != 200:
            return dict.fromkeys((at for at, _ in messages), failed(found))
        there = _by_email(found.document)
        outcomes: dict[int, Outcome] = {}
        changed: list[tuple[int, Mapping[str, Any], str]] = []
        made: list[tuple[int, AssignmentChanged]] = []
        for at, message in messages:
            event = message.delivery.event
            record = there.get(str(event.lead.email).lower())
            if record is None:
                made.append((at, event))
            elif (outcome := self._judged(record, message)) is not None:
                outcomes[at] = outcome
            else:
                changed.append((at, record, str(self._owner_id(event))))
        for start in range(0, len(changed), _WRITES):
            outcomes |= await self._change(changed[start : start + _WRITES])
        return outcomes | await self._create(made)

    def _judged(self, record: Mapping[str, Any], message: Message) -> Outcome | None:
        """The outcome where nothing is to be written; None where something is."""
        there, wanted = record.get("OwnerId"), str(self._owner_id(message.delivery.event))
        match judge(there, wanted, message.place, message.attempted):
            case Verdict.ALREADY:
                return Delivered(ref=str(record["Id"]), place=wanted, reason="already")
            case Verdict.THEIRS:
                return Owned(str(there), self._config.owner_ids)
            case Verdict.WRITE:
                return None

    async def _change(
        self, changed: Sequence[tuple[int, Mapping[str, Any], str]]
    ) -> dict[int, Outcome]:
        requests = [
            {
                "method": "PATCH",
                "url": f"{self._session.data}/sobjects/Lead/{record['Id']}",
                "referenceId": f"r{at}",
                "httpHeaders": {**_ALONE, **_unmodified(record)},
                "body": {"OwnerId": wanted},
            }
            for at, record, wanted in changed
        ]
        body = {"allOrNone": False, "compositeRequest": requests}
        answer = await self._session.ask("POST", "/composite", body)
        if answer.status != 200:
            return dict.fromkeys((at for at, _, _ in changed), failed(answer))
        said = {
            str(one.get("referenceId")): one
            for one in answer.document.get("compositeResponse") or ()
        }
        return {
            at: _changed(said.get(f"r{at}"), str(record["Id"]), wanted)
            for at, record, wanted in changed
        }

    async def _create(self, made: Sequence[tuple[int, AssignmentChanged]]) -> dict[int, Outcome]:
        if not made:
            return {}
        records = [self._fields(event) for _, event in made]
        body = {"allOrNone": False, "records": records}
        answer = await self._session.ask("POST", "/composite/sobjects", body, _ALONE)
        if answer.status not in (200, 201):
            return dict.fromkeys((at for at, _ in made), failed(answer))
        results = from_json(answer.body)
        return {
            at: _created(result, str(self._owner_id(event)))
            for (at, event), result in zip(made, results, strict=True)
        }

    def _fields(self, event: AssignmentChanged) -> dict[str, Any]:
        lead = event.lead
        fields = {
            "OwnerId": self._owner_id(event),
            "Email": lead.email,
            "FirstName": lead.first_name,
            # Salesforce takes no lead without these two.
            "LastName": lead.last_name or lead.first_name or str(lead.email),
            "Company": lead.company or "[unknown]",
            "Title": lead.job_title,
            "Phone": lead.phone,
            "LeadSource": event.channel.value,
        }
        known = {name: value for name, value in fields.items() if value}
        return {"attributes": {"type": "Lead"}, **known}

    def _owner_id(self, event: AssignmentChanged) -> str | None:
        return event.rep.external_ids.get(self._config.owner_ids) if event.rep else None


def _pieces(messages: Sequence[Numbered]) -> Iterator[list[Numbered]]:
    """As many as one query can name."""
    piece: list[Numbered] = []
    size = 0
    for at, message in messages:
        more = len(quote(quoted(str(message.delivery.event.lead.email)), safe="")) + 3
        if piece and size + more > _QUERY_BYTES:
            yield piece
            piece, size = [], 0
        piece.append((at, message))
        size += more
    yield piece


def _query(emails: set[str]) -> str:
    """SOQL for the open leads of addresses."""
    named = ",".join(quoted(email) for email in sorted(emails))
    return (
        "SELECT Id, Email, OwnerId, LastModifiedDate FROM Lead"
        f" WHERE Email IN ({named}) AND IsConverted = false ORDER BY LastModifiedDate DESC"
    )


def _by_email(said: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The lead of each address that was changed last."""
    found: dict[str, Mapping[str, Any]] = {}
    for record in said.get("records") or ():
        found.setdefault(str(record.get("Email")).lower(), record)
    return found


def _unmodified(record: Mapping[str, Any]) -> dict[str, str]:
    text = record.get("LastModifiedDate")
    if not isinstance(text, str):
        return {}
    at = datetime.fromisoformat(text.replace("+0000", "+00:00"))
    return {"if-unmodified-since": format_datetime(at, usegmt=at.utcoffset() is not None)}


def _changed(said: Mapping[str, Any] | None, lead: str, wanted: str) -> Outcome:
    if said is None:
        return Again("no_result")
    status = int(said.get("httpStatusCode") or 0)
    if status in (200, 204):
        return Delivered(ref=lead, place=wanted)
    return Again("changed_meanwhile", 1.0) if status == 412 else _refused(status, said.get("body"))


def _created(said: Mapping[str, Any], owner: str) -> Outcome:
    if said.get("success"):
        return Delivered(ref=str(said.get("id")), place=owner)
    return _refused(400, said.get("errors"))


def _refused(status: int, errors: Any) -> Outcome:
    return judged(status, code_of(errors))
