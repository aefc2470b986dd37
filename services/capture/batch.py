"""The people of one batch: who each submission is of, and which touch of theirs it is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from schemas.lead import Repeat
from schemas.submission import SubmissionReceived
from services.capture.normalize import Draft
from services.capture.people import Known, Tokens, resolve, tokens_of
from services.capture.repeats import Press, repeat_of
from services.kernel.identity import account_key
from services.runtime.records import Record


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead after this batch's touches were counted."""

    account_key: str
    touches: int


@dataclass(frozen=True, slots=True)
class NewTouches:
    """What a batch adds to one lead."""

    lead_id: UUID
    account_key: str
    """Only for a lead that is new; a known one keeps its own."""
    count: int
    received_at: datetime


@dataclass(frozen=True, slots=True)
class TouchRow:
    """One submission of one lead, as it is kept."""

    submission_id: UUID
    lead_id: UUID
    touch: int
    repeat: str
    press: Press
    motion: str
    channel: str
    lane: str
    received_at: datetime
    utm: Mapping[str, str]
    click_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Touch:
    """One submission of one lead."""

    row: TouchRow
    account_key: str

    @property
    def lead_id(self) -> UUID:
        return self.row.lead_id

    @property
    def repeat(self) -> Repeat:
        return Repeat(self.row.repeat)


class Batch:
    """Drafts in record order."""

    def __init__(
        self, drafts: Sequence[tuple[Record[SubmissionReceived], Draft]], secret: bytes
    ) -> None:
        self.drafts = drafts
        self._secret = secret
        self.tokens: dict[UUID, Tokens] = {
            record.id: tokens_of(
                draft.who,
                secret=secret,
                source=record.event.source,
                delivery_key=record.event.delivery_key,
            )
            for record, draft in drafts
        }

    def tokens_since(self) -> dict[UUID, datetime]:
        """Every identifier of the batch, with the earliest receipt of it."""
        found: dict[UUID, datetime] = {}
        for record, _ in self.drafts:
            at = record.event.received_at
            for token in self.tokens[record.id].all:
                found[token] = min(at, found.get(token, at))
        return found

    def alone(self) -> set[UUID]:
        """Whoever left nothing that could be told apart from others."""
        return {one.alone for one in self.tokens.values() if one.alone is not None}

    def older(self, erased: Mapping[UUID, datetime]) -> set[UUID]:
        """Records of people who were erased after they were received."""
        return {
            record.id
            for record, _ in (self.drafts if erased else ())
            for token in self.tokens[record.id].deciding
            if token in erased and record.event.received_at <= erased[token]
        }

    def without(self, gone: Collection[UUID]) -> Batch:
        """The others."""
        return Batch([one for one in self.drafts if one[0].id not in gone], self._secret)

    def new_touches(self, leads: Mapping[UUID, UUID]) -> list[NewTouches]:
        """What each lead gains; the first draft of a new lead gives its account key."""
        found: dict[UUID, NewTouches] = {}
        for record, draft in self.drafts:
            lead, at = leads[record.id], record.event.received_at
            seen = found.get(lead)
            if seen is None:
                found[lead] = NewTouches(lead, account_key(draft.who.email, lead), 1, at)
            else:
                found[lead] = replace(
                    seen, count=seen.count + 1, received_at=max(at, seen.received_at)
                )
        return list(found.values())

    def near(
        self, leads: Mapping[UUID, UUID], rows: Mapping[UUID, LeadRow]
    ) -> list[tuple[UUID, datetime]]:
        """The moments at which leads known before pressed a button now."""
        added = self._added(leads)
        return [
            (lead, draft.submitted_at)
            for record, draft in self.drafts
            if rows[lead := leads[record.id]].touches > added[lead]
        ]

    def touches(
        self,
        leads: Mapping[UUID, UUID],
        rows: Mapping[UUID, LeadRow],
        stored: Mapping[UUID, Sequence[Press]],
    ) -> dict[UUID, Touch]:
        """The touches, numbered in record order behind those that the lead had before."""
        earlier = {lead: list(presses) for lead, presses in stored.items()}
        added = self._added(leads)
        number = {lead: rows[lead].touches - count for lead, count in added.items()}
        found: dict[UUID, Touch] = {}
        for record, draft in self.drafts:
            lead = leads[record.id]
            number[lead] += 1
            press = Press(record.event.source, draft.form_id, draft.kind.value, draft.submitted_at)
            before = earlier.setdefault(lead, [])
            repeat = repeat_of(press, before, first=number[lead] == 1)
            before.append(press)
            row = _row(record.event, draft, lead, number[lead], repeat, press)
            found[record.id] = Touch(row, rows[lead].account_key)
        return found

    def _added(self, leads: Mapping[UUID, UUID]) -> dict[UUID, int]:
        added: dict[UUID, int] = {}
        for record, _ in self.drafts:
            added[leads[record.id]] = added.get(leads[record.id], 0) + 1
        return added


def identify(batch: Batch, known: dict[UUID, Known]) -> tuple[dict[UUID, UUID], list[Known]]:
    """The lead of each record, and the identities to store.

    ``known`` is brought forward, so that a submission sees the links of those before it.
    """
    leads: dict[UUID, UUID] = {}
    changed: dict[UUID, Known] = {}
    for record, _ in batch.drafts:
        tokens = batch.tokens[record.id]
        found = resolve(tokens, known)
        leads[record.id] = found.lead_id
        for one in found.changed:
            known[one.token] = changed[one.token] = one
        for token in tokens.all:
            known[token] = replace(known[token], fresh=False)
    return leads, list(changed.values())


def _row(
    event: SubmissionReceived, draft: Draft, lead: UUID, touch: int, repeat: Repeat, press: Press
) -> TouchRow:
    return TouchRow(
        submission_id=event.submission_id,
        lead_id=lead,
        touch=touch,
        repeat=repeat.value,
        press=press,
        motion=draft.motion.value,
        channel=draft.channel.value,
        lane=event.lane.value,
        received_at=event.received_at,
        utm=draft.values["utm"].model_dump(exclude_none=True),
        click_ids=draft.values["click_ids"],
    )
