"""The checker finds what it is there for: each invariant is broken once and must be named."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.checker import Active, History, check, stale
from tests.support.observer import Seen

AT = "2026-11-23T09:00:00+00:00"


def _seen(topic: str, event: dict[str, Any], ce_id: str, key: str = "acme.example") -> Seen:
    value = json.dumps(event).encode()
    return Seen(topic, 0, 0, 1795424401.5, key.encode(), value, (("ce_id", ce_id.encode()),))


def _submission(name: str) -> Seen:
    event = {"submission_id": name, "body_sha256": f"digest of {name}"}
    return _seen("submissions.v1", event, f"received {name}")


def _assignment(
    submission: str, sequence: int, status: str = "assigned", lead: str = "lead", **more: Any
) -> Seen:
    event = {
        "submission_id": submission, "lead_id": lead, "sequence": sequence, "status": status,
        "assignment_id": f"{lead} first", "role": "sdr", "rep": {"id": "lena"}, "received_at": AT,
        "account_key": "acme.example",
    }  # fmt: skip
    return _seen("assignments.v1", event | more, f"{lead} {sequence}")


def _good() -> History:
    """Three submissions: one assigned, a returning person, one set aside; a repeat of a record."""
    first = _assignment("s1", 1)
    aside = {"submission_id": "s3", "disposition": "quarantined"}
    records = (
        *(_submission(name) for name in ("s1", "s2", "s3")),
        first,
        first,
        _assignment("s2", 2, "re_engaged"),
        _seen("quarantine.v1", aside, "aside"),
        replace(_assignment("s2", 2, "re_engaged"), topic="assignments.current.v1", key=b"lead"),
    )
    return History(
        accepted=frozenset({"s1", "s2", "s3"}),
        records=records,
        active=(Active("lead", "sdr", "lead first", "lena", "assigned"),),
        sent=frozenset(f"digest of s{n}" for n in (1, 2, 3)),
    )


def test_a_good_history_has_no_fault() -> None:
    report = check(_good())
    assert report.faults == {}
    assert report.ends == {"assigned": 1, "merged": 1, "quarantined": 1}
    assert (report.accepted, report.repeats, report.slowest_s) == (3, 1, 1.5)
    assert stale(_good()) == []
    assert "3 accepted: 1 assigned, 1 merged, 1 quarantined" in str(report)


def test_a_hold_that_becomes_an_assignment_is_one_end() -> None:
    records = (_submission("s1"), _assignment("s1", 1, "held"), _assignment("s1", 2))
    report = check(History(accepted=frozenset({"s1"}), records=records))
    assert report.faults == {}
    assert report.ends == {"held": 1}


def _add(*records: Seen) -> Callable[[History], History]:
    return lambda history: replace(history, records=(*history.records, *records))


def _without(topic: str, sequence: int = 0) -> Callable[[History], History]:
    def change(history: History) -> History:
        kept = (
            r
            for r in history.records
            if r.topic != topic or (sequence and json.loads(r.value or b"")["sequence"] != sequence)
        )
        return replace(history, records=tuple(kept))

    return change


_DEAD = _seen("leads.scored.v1.routing.dlq", {"submission_id": "s1"}, "dead")
_SCORED = {"submission_id": "s1", "lead": {"lead_id": "lead"}, "score_revision": 1}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        (_without("quarantine.v1"), "one end"),
        (lambda h: replace(h, accepted=h.accepted | {"s9"}), "one end"),
        (_add(_submission("unanswered")), "one end"),
        (_add(_DEAD), "one end"),
        (_add(_assignment("s1", 3, "nurtured")), "one end"),
        (_without("assignments.v1", sequence=1), "sequences"),
        (_add(replace(_assignment("s2", 2), headers=(("ce_id", b"fork"),))), "sequences"),
        (
            _add(replace(_assignment("s1", 1), value=_assignment("s1", 1, "held").value)),
            "same bytes",
        ),
        (_add(replace(_assignment("s1", 1), key=b"another")), "same bytes"),
        (_add(_assignment("s2", 3, assignment_id="second")), "one owner"),
        (lambda h: replace(h, active=(*h.active, *h.active)), "one owner"),
        (_add(_assignment("s2", 3, "closed")), "events and rows agree"),
        (
            lambda h: replace(h, active=(replace(h.active[0], rep_id="jonas"),)),
            "events and rows agree",
        ),
        (
            _add(*(_seen("leads.scored.v1", _SCORED, str(uuid.uuid4())) for _ in range(2))),
            "revisions",
        ),
        (_add(_assignment("nobody", 1, lead="another")), "no invention"),
        (lambda h: replace(h, refused=frozenset({"digest of s1"})), "no invention"),
        (lambda h: replace(h, sent=frozenset()), "no invention"),
    ],
)
def test_each_broken_promise_is_named(change: Callable[[History], History], broken: str) -> None:
    assert broken in check(change(_good())).faults


def test_a_latest_record_that_is_not_the_latest_is_found() -> None:
    assert stale(_add(_assignment("s2", 3, "accepted"))(_good())) == ["lead"]
