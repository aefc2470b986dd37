"""What is known of a lead does not depend on the order in which it became known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.base import Provenance
from schemas.enrichment import LeadEnriched
from services.enrichment.config import EnrichmentFile, resolve
from services.enrichment.merge import combine, dump_bought, load_bought, newer
from services.enrichment.money import ALL, affordable, micros
from services.enrichment.revise import LeadState, answered, touched, unknown
from services.enrichment.settle import Job, settle
from tests.integration.enrichment.flow import AT, captured_lead

_EPOCH = datetime(2026, 11, 23, 9, tzinfo=UTC)
_SOURCES = ["provider:a", "provider:b", "table:companies"]

_values = st.builds(
    Provenance,
    value=st.integers(1, 5),
    source=st.sampled_from(_SOURCES),
    at=st.integers(-200, 0).map(lambda days: _EPOCH + timedelta(days=days)),
    confidence=st.sampled_from([0.5, 0.8, 1.0]),
)
_answers = st.lists(st.tuples(st.sampled_from(["headcount", "industry"]), _values), max_size=8)
_form = Provenance(value=99, source="form", at=_EPOCH, confidence=0.1)


@given(answers=_answers, data=st.data())
def test_the_order_of_answers_does_not_matter(
    answers: list[tuple[str, Provenance]], data: st.DataObject
) -> None:
    again = data.draw(st.permutations([*answers, *answers[:2]]))
    assert newer(newer({}, again[:3]), again[3:]) == newer({}, answers)


@given(answers=_answers)
def test_answers_come_back_from_the_store(answers: list[tuple[str, Provenance]]) -> None:
    bought = newer({}, answers)
    assert load_bought(dump_bought(bought)) == bought


@given(answers=_answers)
def test_a_persons_entry_beats_every_machine(answers: list[tuple[str, Provenance]]) -> None:
    assert combine({"headcount": _form}, newer({}, answers))["headcount"] == _form


@given(answers=_answers)
def test_the_own_table_beats_every_provider(answers: list[tuple[str, Provenance]]) -> None:
    bought = newer({}, answers)
    own = bought.get(("headcount", "table:companies"))
    if own is not None:
        assert combine({}, bought)["headcount"] == own


@given(answers=_answers)
def test_among_providers_the_surest_of_the_last_90_days_stays(
    answers: list[tuple[str, Provenance]],
) -> None:
    bought = newer({}, [(f, v) for f, v in answers if v.source != "table:companies"])
    for field, shown in combine({}, bought).items():
        known = [value for (name, _), value in bought.items() if name == field]
        newest = max(value.at for value in known)
        current = [value for value in known if newest - value.at <= timedelta(days=90)]
        assert shown in current
        assert shown.confidence == max(value.confidence for value in current)


_FIRM = {"url": "https://a.example/{domain}", "answer": {"headcount": "/h"}}
_CONFIG = resolve(
    EnrichmentFile.model_validate(
        {
            "fields": {"headcount": {"waterfall": ["firm"]}},
            "providers": {
                "firm": {"url": "https://a.example/{domain}", "answer": {"headcount": "/h"}}
            },
        }
    )
)
_LEAD = UUID(int=7)
_Step = Callable[[LeadState, list[LeadEnriched]], LeadState]


def _touch(number: int) -> _Step:
    event = captured_lead({"company": f"c{number}"}, lead_id=_LEAD, minutes=number)
    job = Job(UUID(int=number + 1), event, None)

    def step(state: LeadState, out: list[LeadEnriched]) -> LeadState:
        state = touched(state, event, job.input_id)
        return _settle(state, job, {}, out, published=False)

    return step


def _answer(number: int, people: int, confidence: float) -> _Step:
    job = Job(UUID(int=1), captured_lead(lead_id=_LEAD), None)
    value = Provenance(value=people, source=f"provider:p{number}", at=AT, confidence=confidence)

    def step(state: LeadState, out: list[LeadEnriched]) -> LeadState:
        return _settle(state, job, {"headcount": value}, out, published=True)

    return step


def _settle(
    state: LeadState,
    job: Job,
    values: dict[str, Provenance],
    out: list[LeadEnriched],
    *,
    published: bool,
) -> LeadState:
    found = settle(
        _CONFIG, {_LEAD: state}, [(job, published)], values, at=AT, over=True, last=False
    )
    out += [revision.event for _, revision in found.revisions]
    return found.states.get(_LEAD, answered(state, values))


@given(
    order=st.permutations(range(6)),
    people=st.lists(
        st.tuples(st.integers(1, 9), st.sampled_from([0.5, 0.9])), min_size=3, max_size=3
    ),
)
def test_revisions_only_rise_and_end_the_same_in_any_order(
    order: list[int], people: tuple[tuple[int, float], ...]
) -> None:
    steps = [_touch(n) for n in range(3)] + [_answer(n, *one) for n, one in enumerate(people)]

    def run(indices: list[int]) -> tuple[list[LeadEnriched], LeadState]:
        out: list[LeadEnriched] = []
        return out, reduce(lambda state, n: steps[n](state, out), indices, unknown(_LEAD))

    published, end = run(order)
    assert all(a.lead_revision < b.lead_revision for a, b in pairwise(published))
    assert [event.late for event in published].count(False) == 3
    _, straight = run(list(range(6)))
    assert combine({}, end.bought) == combine({}, straight.bought)
    assert end.registers == straight.registers


@given(st.lists(st.sampled_from([0.0075, 0.02, 0.1, 0.28]), max_size=40), st.floats(0, 3))
def test_the_days_money_is_never_overdrawn(prices: list[float], limit: float) -> None:
    spent = {ALL: 0, "p": 0}
    allowed = {ALL: micros(limit)}
    for price in prices:
        if affordable(spent, micros(price), allowed):
            spent = {account: amount + micros(price) for account, amount in spent.items()}
    assert spent[ALL] <= micros(limit)
