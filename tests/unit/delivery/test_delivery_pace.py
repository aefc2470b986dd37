"""Messages to one place keep their distance, and hold up no other place."""

from __future__ import annotations

from itertools import pairwise
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from schemas.assignment import AssignmentStatus
from schemas.touch import Audience
from services.delivery.config import SlackSink
from services.delivery.model import Delivery
from services.delivery.pace import Turns
from services.delivery.policy import place_of
from services.delivery.sinkconfig import Rate
from tests.support.changes import ASSIGNED, changed, due


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), min_size=1, max_size=40),
    st.integers(1, 5),
)
def test_everyone_gets_a_turn_in_order_and_never_two_too_close(
    came: list[tuple[str, float]], calls: int
) -> None:
    turns = Turns(Rate(calls=calls))
    now = 0.0
    went: dict[str, list[tuple[float, int]]] = {"a": [], "b": [], "c": []}
    back: list[tuple[float, int, str, UUID]] = []
    for number, (place, after) in enumerate(came):
        now += after
        who = uuid4()
        wait = turns.wait(place, who, now)
        if wait:
            back.append((now + wait, number, place, who))
        else:
            went[place].append((now, number))
    for at, number, place, who in sorted(back, key=lambda one: one[:2]):
        assert turns.wait(place, who, at) == 0.0, "who comes back at their turn goes"
        went[place].append((at, number))
    for some in went.values():
        ordered = sorted(some)
        assert [number for _, number in ordered] == sorted(number for _, number in some)
        distances = [b[0] - a[0] for a, b in pairwise(ordered)]
        assert all(one >= 1 / calls - 1e-6 for one in distances)


def test_a_place_that_is_free_waits_for_nobody() -> None:
    turns = Turns(Rate(calls=1))
    assert [turns.wait("busy", uuid4(), 5.0) for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]
    assert turns.wait("free", uuid4(), 5.0) == 0.0


def test_turns_that_nobody_came_for_are_forgotten_and_cost_nobody_theirs() -> None:
    turns = Turns(Rate(calls=10_000))
    turns.wait("busy", uuid4(), 0.0)
    gone = [uuid4() for _ in range(20_000)]
    assert all(turns.wait("busy", who, 0.0) > 0 for who in gone)
    mine = uuid4()
    later = 3_600.0
    turns.wait("busy", uuid4(), later)
    wait = turns.wait("busy", mine, later)
    assert wait > 0
    assert turns.wait("busy", mine, later + wait) == 0.0
    for _ in range(40_000):
        turns.wait("busy", uuid4(), later)
    assert len(turns._given) <= 40_001, "those of an hour ago are gone"


def test_what_shares_its_turns() -> None:
    app = SlackSink.model_validate(
        {"type": "slack", "token": "T", "signing_secret": "S", "channel": "#leads"}
    )
    hook = SlackSink.model_validate({"type": "slack", "secret": "S"})
    event = changed()

    def place(sink: SlackSink, event: object = event, touch: object = None) -> str | None:
        return place_of(sink, Delivery(uuid4(), "s", event, 1, ASSIGNED.decided_at, touch))  # type: ignore[arg-type]

    assert place(app) == "U0EXAMPLE1"
    assert place(app, touch=due(event, Audience.TEAM)) == "#leads"
    assert place(app, changed(AssignmentStatus.ACCEPTED, of=event)) is None, "it changes a message"
    assert place(hook) == "webhook"
    assert place(app.model_copy(update={"per_channel": None})) is None
