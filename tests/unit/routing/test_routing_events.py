"""What the events say: the lead block within its bytes, reasons without personal data."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from pydantic_core import from_json, to_json

from schemas.assignment import AssignmentChanged
from schemas.base import Provenance
from services.routing import decide
from services.routing.board import Board, Loaded
from services.routing.events import CUT, LEAD_BYTES, cut, lead_block, outputs
from services.routing.explain import explain
from tests.integration.routing.leads import MONDAY_NINE, plan, scored

PLAN = plan({"ana": 1, "ben": 2})


def board() -> Board:
    return Board(PLAN, "v", MONDAY_NINE, frozenset(PLAN.weights), Loaded())


def test_a_short_lead_is_told_whole() -> None:
    block = cut(lead_block(scored(message="Please call.", facts={"headcount": 12})))
    assert block.message == "Please call."
    assert block.facts == {"headcount": "12"}


@pytest.mark.parametrize("text", ["x", "ü", "\u0007", '"', "🙂"])
def test_a_long_message_is_cut_with_a_mark(text: str) -> None:
    block = cut(lead_block(scored(message=text * 40_000)))
    size = len(block.encode())
    assert size <= LEAD_BYTES
    assert size > LEAD_BYTES - 100, "not cut by more than needed"
    assert block.message is not None
    assert block.message.endswith(CUT)
    assert block.email == "ann@acme.example"


def test_a_lead_that_is_long_everywhere_still_fits() -> None:
    event = scored(message="m" * 20_000)
    long = event.lead.model_copy(
        update=dict.fromkeys(("company", "job_title", "page_url", "first_name"), "ä" * 9_000)
    )
    facts = {
        f"fact{n}": Provenance(value="v" * 2_000, source="x", at=MONDAY_NINE) for n in range(40)
    }
    block = cut(lead_block(event.model_copy(update={"lead": long, "facts": facts})))
    assert len(block.encode()) <= LEAD_BYTES
    assert block.email == "ann@acme.example"


def test_the_event_of_a_long_lead_is_told_cut() -> None:
    event, on = scored(message="x" * 40_000), board()
    changes = decide.scored(on, event, uuid4())
    followed, latest = outputs(PLAN, changes, cause=uuid4(), stage="routing")
    told = AssignmentChanged.read(followed.value)
    assert told.lead.message is not None
    assert told.lead.message.endswith(CUT)
    assert len(told.lead.encode()) <= LEAD_BYTES
    assert (latest.value, latest.headers) == (followed.value, followed.headers)


def test_neither_reason_nor_record_holds_what_identifies_the_person() -> None:
    event = scored("ann.secret@acme.example", message="my secret", facts={"headcount": 40})
    on = board()
    (change,) = decide.scored(on, event, uuid4())
    stored = json.dumps({"reason": change.reason, "record": change.record}, default=str)
    assert "secret" not in stored
    assert "ann." not in stored
    assert '"company.headcount": 40' in stored


def test_ids_of_events_are_the_same_at_every_try() -> None:
    event, cause = scored(), uuid4()
    made = [
        outputs(PLAN, decide.scored(board(), event, cause), cause=cause, stage="routing")
        for _ in range(2)
    ]
    assert [out.headers for out in made[0]] == [out.headers for out in made[1]]
    assert [out.value for out in made[0]] == [out.value for out in made[1]]


def test_explain_tells_every_step() -> None:
    rule = "  - {id: big, when: {company.headcount: {gte: 500}}, pool: desk}"
    night = plan({"ana": 1, "ben": 2}, rules=rule, calendar="office")
    on = Board(night, "v1", MONDAY_NINE, frozenset({"desk"}), Loaded())
    (change,) = decide.scored(on, scored(facts={"headcount": 40}), uuid4())
    lines = explain(from_json(to_json(change.record)))
    text = "\n".join(lines)
    assert "rule big: no (company.headcount is at least 500: 40)" in text
    assert "rule catch-all: yes (routing.yaml#/catch_all)" in text
    assert (
        "ben: weight 2, count 0, entitlement 0.667, owed, deadline in 0.500 leads <- next" in text
    )
    assert lines[-1] == "outcome assigned: ben gets it in turn, from pool desk"
    assert explain(None) == []
