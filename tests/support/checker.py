"""Judges a recorded history: was anything lost, given twice, forked, invented? Pure.

It knows what was handed in and how that was answered, every record that an outside observer saw,
and the rows of active assignments at the end. It uses none of the code under test.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from tests.support.observer import Seen

ASSIGNMENTS, CURRENT = "assignments.v1", "assignments.current.v1"
QUARANTINE, DEAD_LETTERS = "quarantine.v1", ".dlq"
ACTIVE = frozenset({"assigned", "reassigned", "accepted", "escalated"})
_LIFE = frozenset({"accepted", "rejected", "expired", "reassigned", "escalated", "closed"})
_PIPELINE = ("leads.captured.", "leads.enriched.", "leads.scored.", "assignments.v1")
_PLACE = ("topic", "partition", "offset")
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Active:
    """A row of the database: somebody owns a lead."""

    lead_id: str
    role: str
    assignment_id: str
    rep_id: str
    status: str


@dataclass(frozen=True)
class History:
    """What happened, as far as it can be known from outside."""

    accepted: frozenset[str]
    """Submission ids that were answered with 200."""
    records: tuple[Seen, ...]
    active: tuple[Active, ...] = ()
    sent: frozenset[str] | None = None
    """SHA-256 of every body handed in, answered or not; None: not known."""
    refused: frozenset[str] = frozenset()
    """SHA-256 of every body that was only ever answered with 4xx."""
    injected: frozenset[str] = frozenset()
    """Submission ids of records that a test put on the bus itself."""

    def topic(self, name: str) -> list[Seen]:
        return [record for record in self.records if record.topic == name]

    @cached_property
    def submissions(self) -> dict[str, Mapping[str, Any]]:
        """What lies on the submission topics, by submission id."""
        found = (r for r in self.records if r.topic.startswith("submissions."))
        return {e["submission_id"]: e for e in map(_event, found) if e.get("submission_id")}

    @cached_property
    def assignments(self) -> list[tuple[Seen, Mapping[str, Any]]]:
        """Each AssignmentChanged once, repeats left out, by lead and sequence."""
        once: dict[str | None, Seen] = {}
        for record in self.topic(ASSIGNMENTS):
            once.setdefault(record.header("ce_id"), record)
        found = [(record, _event(record)) for record in once.values()]
        return sorted(found, key=lambda one: (one[1]["lead_id"], one[1]["sequence"]))

    @cached_property
    def ends(self) -> dict[str, list[str]]:
        """Submission id -> what ended it; one entry where all is well."""
        found: dict[str, list[str]] = defaultdict(list)
        held: set[str] = set()
        opened: set[str] = set()
        before: dict[str, tuple[str, str]] = {}
        for _, event in self.assignments:
            submission = event["submission_id"]
            stands = (event["assignment_id"], event["status"])
            moved = before.get(event["lead_id"]) != stands
            before[event["lead_id"]] = stands
            if moved and event["status"] in _LIFE and submission in found:
                continue  # what became of the attempt later, by a clock or a request, is no end
            # A hold that became an assignment is no second end, nor is what follows it.
            if submission is not None and submission not in held:
                found[submission].append(_end(event, opened))
            if event["status"] == "held" and submission is not None:
                held.add(submission)
            opened.add(event["assignment_id"])
        for submission, what in {*self._set_aside(), *self._dead()}:
            found[submission].append(what.partition(" ")[0])
        return dict(found)

    def _set_aside(self) -> Iterator[tuple[str, str]]:
        for record in self.topic(QUARANTINE):
            event = _event(record)
            if event.get("submission_id"):
                yield event["submission_id"], f"{event['disposition']} {record.header('ce_id')}"

    def _dead(self) -> Iterator[tuple[str, str]]:
        for record in self.records:
            submission = record.topic.endswith(DEAD_LETTERS) and _event(record).get("submission_id")
            if submission:
                place = [record.header(f"x-handraise-{name}") for name in _PLACE]
                yield submission, f"dead_lettered {place}"

    @property
    def unaccounted(self) -> frozenset[str]:
        """Accepted, or lying on a submission topic, and without any end."""
        return (self.accepted | self.submissions.keys()) - self.ends.keys()


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict and the figures beside it."""

    faults: dict[str, list[str]]
    """By invariant; empty lists left out."""
    ends: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    repeats: int = 0
    """Records that were on the bus more than once (same id): allowed, counted."""
    slowest_s: float = 0.0
    """Longest time from receipt to the end of an accepted submission."""

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        found = [f"{name}: {len(f)}, e.g. {f[:_MOST_SHOWN]}" for name, f in self.faults.items()]
        return (
            f"{self.accepted} accepted: {ends}; {self.repeats} records repeated; slowest "
            f"{self.slowest_s:.1f} s; faults: {'; '.join(found) or 'none'}"
        )


def check(history: History) -> Report:
    """Every invariant over the whole history, once it has come to rest."""
    found = {name: list(rule(history)) for name, rule in _RULES.items()}
    ends = history.ends
    records = [record for record in history.records if record.topic.startswith(_PIPELINE)]
    return Report(
        faults={name: faults for name, faults in found.items() if faults},
        ends=Counter(ends[s][0] for s in history.accepted if s in ends),
        accepted=len(history.accepted),
        repeats=len(records) - len({(r.topic, r.header("ce_id")) for r in records}),
        slowest_s=_slowest(history),
    )


def _one_end(history: History) -> Iterator[str]:
    """Accepted, or durable without an answer: exactly one end."""
    for submission in sorted(history.unaccounted):
        yield f"{submission} has no end"
    for submission, ends in history.ends.items():
        if len(ends) > 1:
            yield f"{submission} has {len(ends)} ends: {ends}"


def _one_owner(history: History) -> Iterator[str]:
    """At most one active assignment per lead and role, in the database and by the events."""
    rows = Counter((row.lead_id, row.role) for row in history.active)
    yield from (f"{key} has {n} active rows" for key, n in rows.items() if n > 1)
    told = Counter((lead, role) for (lead, role, _, _) in _active_by_events(history))
    yield from (f"{key} has {n} active by its events" for key, n in told.items() if n > 1)


def _events_and_rows_agree(history: History) -> Iterator[str]:
    """Who follows the events knows what the database knows."""
    if not history.active:
        return
    rows = {(row.lead_id, row.role, row.assignment_id, row.rep_id) for row in history.active}
    told = _active_by_events(history)
    yield from (f"only in the database: {row}" for row in sorted(rows - told))
    yield from (f"only on the bus: {row}" for row in sorted(told - rows))


def _sequences(history: History) -> Iterator[str]:
    """Per lead 1, 2, 3 … without a gap, and one event for each."""
    by_lead: dict[str, list[int]] = defaultdict(list)
    for _, event in history.assignments:
        by_lead[event["lead_id"]].append(event["sequence"])
    for lead, sequences in by_lead.items():
        if sequences != list(range(1, len(sequences) + 1)):
            yield f"lead {lead} has sequences {sequences}"


def _same_bytes(history: History) -> Iterator[str]:
    """A repeated record is the same, byte for byte."""
    known: dict[tuple[str, str | None], tuple[bytes | None, bytes | None]] = {}
    for record in history.records:
        if record.topic.startswith(_PIPELINE):
            place = (record.topic, record.header("ce_id"))
            if known.setdefault(place, (record.key, record.value)) != (record.key, record.value):
                yield f"{place} has two contents"


def _revisions(history: History) -> Iterator[str]:
    """One event for each revision of a lead and of its score."""
    for stem, number in (("leads.enriched.", "lead_revision"), ("leads.scored.", "score_revision")):
        ids: dict[tuple[str, int], set[str | None]] = defaultdict(set)
        for record in history.records:
            event = _event(record) if record.topic.startswith(stem) else {}
            if number in event and not record.topic.endswith(DEAD_LETTERS):
                ids[event["lead"]["lead_id"], event[number]].add(record.header("ce_id"))
        yield from (f"{number} {key} {len(e)} times" for key, e in ids.items() if len(e) > 1)


def _no_invention(history: History) -> Iterator[str]:
    """What ends was handed in, and what was refused is nowhere."""
    known = history.accepted | history.submissions.keys() | history.injected
    for submission in history.ends.keys() - known:
        yield f"{submission} ended and nobody handed it in"
    for submission, event in history.submissions.items():
        digest = event["body_sha256"]
        if digest in history.refused:
            yield f"{submission} was refused and is on the bus"
        if history.sent is not None and digest not in history.sent:
            yield f"{submission} holds a body that nobody sent"


_RULES: dict[str, Callable[[History], Iterable[str]]] = {
    "one end": _one_end,
    "one owner": _one_owner,
    "events and rows agree": _events_and_rows_agree,
    "sequences": _sequences,
    "same bytes": _same_bytes,
    "revisions": _revisions,
    "no invention": _no_invention,
}


def stale(history: History) -> list[str]:
    """Leads whose last record on the compacted topic is not their latest event."""
    newest = {event["lead_id"]: event["sequence"] for _, event in history.assignments}
    kept = {e["lead_id"]: e["sequence"] for e in map(_event, _in_order(history, CURRENT))}
    return [lead for lead, sequence in newest.items() if kept.get(lead) != sequence]


def _in_order(history: History, topic: str) -> list[Seen]:
    return sorted(history.topic(topic), key=lambda record: (record.partition, record.offset))


def _active_by_events(history: History) -> set[tuple[str, str, str, str]]:
    """Lead, role, assignment and rep of every attempt whose latest event is an active one."""
    latest: dict[str, Mapping[str, Any]] = {}
    for _, event in history.assignments:
        if event["status"] != "re_engaged":  # tells the owner again; the attempt stays as it is
            latest[event["assignment_id"]] = event
    return {
        (event["lead_id"], event["role"], event["assignment_id"], event["rep"]["id"])
        for event in latest.values()
        if event["status"] in ACTIVE
    }


def _end(event: Mapping[str, Any], opened: set[str]) -> str:
    first = {"assigned": "assigned", "held": "held", "nurtured": "nurtured"}
    opens = event["assignment_id"] not in opened
    if opens and event["status"] == "closed" and event.get("diverted") is not None:
        return "diverted"
    return first.get(event["status"], "merged") if opens else "merged"


def _slowest(history: History) -> float:

    waits = [
        record.at - datetime.fromisoformat(event["received_at"]).timestamp()
        for record, event in history.assignments
        if event["submission_id"] in history.accepted
    ]
    return max(waits, default=0.0)


def _event(record: Seen) -> Mapping[str, Any]:
    """The JSON object of a record; empty where it is none."""
    try:
        value = json.loads(record.value or b"")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
