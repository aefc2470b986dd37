"""The stage: submissions in, leads out. It alone decides what repeats what."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from schemas.lead import LeadCaptured
from schemas.submission import SubmissionQuarantined, SubmissionReceived
from services.capture import completing, events, partners, repeats
from services.capture.batch import Batch, LeadRow, Touch, identify
from services.capture.config import CaptureConfig
from services.capture.interpret import (
    BAD_SIGNATURE,
    Meaning,
    ToFetch,
    conflict,
    interpret,
    retried_under_another_id,
)
from services.capture.normalize import Draft
from services.capture.people import Known
from services.capture.screening import SetAside
from services.capture.seen import World
from services.capture.store import people, quarantine, strangers
from services.capture.store.people import Held
from services.runtime import erasure
from services.runtime.database import Connection
from services.runtime.metrics import Metrics
from services.runtime.outbox import Decided, First
from services.runtime.records import Output, Record

Received = Record[SubmissionReceived]
Marks = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tag:
    """What to count when the broker has acknowledged an output of a fresh decision."""

    source: str
    end: str | None
    """None: the submission goes on."""
    delay_s: float | None = None
    """From the press of the button to our receipt, where the form tool says when it was."""
    marks: Marks = ()
    """What screening found, and the action that followed."""


class Decider:
    """Decides batches of submissions, each in one transaction."""

    def __init__(
        self,
        config: Callable[[], CaptureConfig],
        secret: bytes,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        world: World | None = None,
    ) -> None:
        self._config = config
        self._secret = secret
        self._clock = clock
        self._world = world

    def bound(self, records: Sequence[Received]) -> list[Received]:
        """The records as they may be believed, for :meth:`decide`: a partner's topic says whose
        its records are, whatever is written in them."""
        return partners.bound(records, self._config(), self._clock())

    def first(self, records: Sequence[Received]) -> First | None:
        """What :meth:`decide` does where nobody of them was seen before; None where that takes a
        look at the database in any case."""
        config, now = self._config(), self._clock()
        if not all(completing.is_new(record) for record in records):
            return None
        meant = {r.id: interpret(r.event, config, world=self._world) for r in records}
        claims = {claim.key: claim for claim in (_claim(record.event) for record in records)}
        drafts = _drafts(records, meant)
        if len(drafts) < len(records) or len(claims) < len(records):
            return None
        batch = Batch(drafts, self._secret)
        known = {
            token: Known(token, token, since, fresh=True)
            for token, since in batch.tokens_since().items()
        }
        leads, _ = identify(batch, known)
        new = batch.new_touches(leads)
        rows = {one.lead_id: LeadRow(one.account_key, one.count) for one in new}
        touches = batch.touches(leads, rows, {})
        outputs = {r.id: [_lead(r, draft, touches[r.id], now)] for r, draft in drafts}
        kept = [touch.row for touch in touches.values()]
        tokens, asked = list(known.values()), {*known, *batch.alone()}
        return strangers.first(outputs, list(claims.values()), tokens, asked, new, kept)

    async def decide(self, conn: Connection, records: Sequence[Received]) -> Decided:
        """The outputs of each record: one LeadCaptured, one SubmissionQuarantined, or none for a
        delivery that was repeated, or whose person has to be read from the vendor first."""
        config, now = self._config(), self._clock()
        released = await _released(conn, records)
        known = await completing.recognise(conn, records, released.keys())
        records = known.records
        meant = {
            record.id: interpret(
                record.event, config, released=_wanted(released, record), world=self._world
            )
            for record in records
        }
        new = [record for record in records if record.id not in known.delivered]
        batch = Batch(_drafts(records, meant), self._secret)
        held = await _without_repeats(conn, new, released, meant, batch)
        await completing.order(conn, [r for r in records if isinstance(meant.get(r.id), ToFetch)])
        drafts = _drafts(records, meant)
        if len(drafts) < len(batch.drafts):
            batch = Batch(drafts, self._secret)
        touches, gone = await _touches(conn, batch, held)
        outputs: dict[UUID, Sequence[Output]] = {record.id: () for record in records}
        aside: list[SubmissionQuarantined] = []
        for record in records:
            match meant.get(record.id):
                case SetAside() as why:
                    event = events.quarantined(record, why)
                    aside.append(event)
                    tag = Tag(_label(event.source, config), why.disposition.value, marks=why.marks)
                    outputs[record.id] = [events.quarantine_output(record, event, now, tag)]
                case Draft() if record.id in gone:
                    outputs[record.id] = erasure.end_of(record.event, record.topic, events.SERVICE)
                case Draft() as draft:
                    outputs[record.id] = [_lead(record, draft, touches[record.id], now)]
        await quarantine.keep(conn, aside)
        return Decided(outputs, people.kept_touches([touch.row for touch in touches.values()]))


async def _touches(
    conn: Connection, batch: Batch, held: Held
) -> tuple[dict[UUID, Touch], set[UUID]]:
    """Who each draft is, which touch of theirs it is, what it repeats; and the records of people
    who were erased since.

    :param held: their identities, where they are locked already.
    """
    if not batch.drafts:
        return {}, set()
    held = held if held.known else await people.identities(conn, batch)
    if gone := batch.older(held.erased):
        batch = batch.without(gone)
        kept = batch.tokens_since()
        fresh = [one.token for one in held.known.values() if one.fresh and one.token not in kept]
        await people.unlearn(conn, fresh)
    leads, changed = identify(batch, held.known)
    rows = await people.add_touches(conn, batch.new_touches(leads), changed)
    near = batch.near(leads, rows)
    return batch.touches(leads, rows, await people.presses(conn, near)), gone


def _drafts(
    records: Sequence[Received], meant: Mapping[UUID, Meaning]
) -> list[tuple[Received, Draft]]:
    return [(r, d) for r in records if isinstance(d := meant.get(r.id), Draft)]


def count(metrics: Metrics) -> Callable[[Sequence[Output]], None]:
    """For ``StageSpec.on_acknowledged``: counts what fresh decisions made of submissions."""

    def acknowledged(outputs: Sequence[Output]) -> None:
        for out in outputs:
            if not isinstance(out.tag, Tag):
                continue
            if out.tag.end is not None:
                metrics.submissions.labels(out.tag.source, out.tag.end).inc()
            for reason, action in out.tag.marks:
                metrics.screening.labels(out.tag.source, reason, action).inc()
            if out.tag.delay_s is not None:
                metrics.source_delay.labels(out.tag.source).observe(max(out.tag.delay_s, 0.0))

    return acknowledged


async def _released(conn: Connection, records: Sequence[Received]) -> dict[UUID, str]:
    """The records that a person released from quarantine, with the reason that held them.

    The event only names the quarantined row; that it was released is read from the database, since
    a partner may write whatever it likes into an event.
    """
    causes = {r.event.causation_id: r.id for r in records if r.event.causation_id is not None}
    found = await quarantine.released(conn, causes.keys())
    return {causes[quarantine_id]: reason for quarantine_id, reason in found.items()}


def _wanted(released: Mapping[UUID, str], record: Received) -> bool:
    """Whether a person saw what the submission says and wants it through.

    Releasing a request whose signature was wrong only says that it is genuine.
    """
    return released.get(record.id, BAD_SIGNATURE) != BAD_SIGNATURE


async def _without_repeats(
    conn: Connection,
    records: Sequence[Received],
    released: Mapping[UUID, str],
    meant: dict[UUID, Meaning],
    batch: Batch | None,
) -> Held:
    """Claim the delivery keys; what repeats one loses its meaning or becomes a conflict.

    :param batch: all drafts; where nothing repeats anything their identities are locked in the same
        round trip, and given as they are known.
    """
    claims: dict[repeats.Key, repeats.Claim] = {}
    claimants: list[tuple[Received, repeats.Claim, bool]] = []
    for record in records:
        # What a person released was delivered before: that is why it could be set aside.
        if _wanted(released, record):
            continue
        claim = _claim(record.event)
        first = claims.setdefault(claim.key, claim) is claim
        claimants.append((record, claim, first))
    if len(claims) < len(claimants):
        batch = None
    before, held = await people.claim(conn, list(claims.values()), batch)
    aside: list[Received] = []
    for record, claim, first in claimants:
        delivered = before.get(claim.key) or (None if first else claims[claim.key].delivered)
        if delivered is None:
            continue
        match repeats.compare(delivered, claim.delivered.body_sha256):
            case repeats.Delivery.CONFLICT:
                meant[record.id] = conflict()
                aside.append(record)
            case repeats.Delivery.RETRY if delivered.submission_id != record.event.submission_id:
                meant[record.id] = retried_under_another_id()
                aside.append(record)
            case repeats.Delivery.RETRY:
                del meant[record.id]
    await _once_each(conn, aside, meant)
    return held


async def _once_each(
    conn: Connection, aside: Sequence[Received], meant: dict[UUID, Meaning]
) -> None:
    """Set a submission that lost its key aside once, however often it is delivered."""
    claims: dict[repeats.Key, repeats.Claim] = {}
    repeated = []
    for record in aside:
        claim = _claim(record.event, f"aside:{record.event.submission_id}")
        if claims.setdefault(claim.key, claim) is not claim:
            repeated.append(record)
    before, _ = await people.claim(conn, list(claims.values()))
    keys = {(r.event.source, f"aside:{r.event.submission_id}"): r for r in reversed(aside)}
    for record in (*repeated, *(keys[key] for key in before)):
        meant.pop(record.id, None)


def _claim(event: SubmissionReceived, key: str | None = None) -> repeats.Claim:
    return repeats.Claim(
        event.source,
        key or event.delivery_key,
        repeats.Delivered(event.submission_id, event.body_sha256),
        event.received_at,
        event.received_at + repeats.LIFETIMES[event.delivery_key_kind],
    )


def _lead(record: Received, draft: Draft, touch: Touch, now: datetime) -> Output:
    lead = events.captured(record, draft, touch)
    return events.lead_output(record, lead, now, _tag(lead, draft.marks))


def _tag(lead: LeadCaptured, marks: Marks) -> Tag:
    said = lead.submitted_at != lead.received_at
    delay = (lead.received_at - lead.submitted_at).total_seconds() if said else None
    return Tag(lead.source, None, delay, marks)


def _label(source: str, config: CaptureConfig) -> str:
    # Partners and attackers choose names; a metric's labels are ours.
    return source if source in config.sources else "unknown"
