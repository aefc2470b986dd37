"""A stored choice is read again as it was made, whichever release stored it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from services.routing import recording
from services.routing.fairness import UNIT, Choice, Turn, charge, choose
from services.routing.recording import choice, standings, told, turn_of

weights = st.dictionaries(
    st.text("abc", min_size=1, max_size=3), st.integers(1, 3), min_size=1, max_size=8
)
turns = st.builds(Turn, st.integers(0, 50), st.integers(-UNIT, 50 * UNIT))


def read_again(record: dict[str, Any]) -> list[tuple[str, int, int, int, int]]:
    made = turn_of(record, "choice")
    assert made is not None
    return standings(made)


def stored(made: Choice, looked: list[str], pool: str = "desk") -> dict[str, Any]:
    """As it comes back from the store."""
    record: dict[str, Any] = {"pools": [{"pool": pool, "eligible": looked}]}
    record["choice"] = choice(record, "desk", "hot", made)
    back: dict[str, Any] = from_json(to_json(record))
    return back


def in_rows(made: Choice) -> list[tuple[str, int, int, int, int]]:
    return [
        (one.member, one.weight, one.share, one.turn.count, one.turn.entitlement)
        for one in made.standings
    ]


@given(weights, st.data())
def test_the_columns_say_what_the_arithmetic_was(pool: dict[str, int], data: st.DataObject) -> None:
    before = data.draw(st.dictionaries(st.sampled_from(sorted(pool)), turns))
    made = choose(pool, before)
    assert read_again(stored(made, list(pool))) == in_rows(made)
    others = [*pool, "somebody who is not eligible"]
    assert read_again(stored(made, others)) == in_rows(made), "not of the members looked at"
    assert read_again(stored(made, list(pool), "another")) == in_rows(made), "not of the pool"


@given(weights)
def test_rows_of_an_older_release_are_read_and_told_the_same(pool: dict[str, int]) -> None:
    made = choose(pool, {})
    record = stored(made, list(pool))
    old = {**record, "choice": {**record["choice"], "standings": from_json(to_json(in_rows(made)))}}
    assert told(old) == told(record)
    assert told(record)["choice"] == {
        "pool": "desk", "group": "hot", "rep": made.winner, "standings": in_rows(made),
    }  # fmt: skip
    assert told({"rule": "x"}) == {"rule": "x"}


@given(weights, st.data())
def test_a_charge_of_an_older_release_is_read_and_told_the_same(
    pool: dict[str, int], data: st.DataObject
) -> None:
    before = data.draw(st.dictionaries(st.sampled_from(sorted(pool)), turns))
    made = charge(data.draw(st.sampled_from([*sorted(pool), "elsewhere"])), pool, before)
    record = from_json(to_json({"charge": recording.charge("desk", "hot", made)}))
    was = {
        "pool": "desk", "group": "hot", "rep": made.winner,
        "shares": {one.member: one.share for one in made.standings},
        "before": [[name, *turn] for name, turn in made.before.turns().items()],
    }  # fmt: skip
    assert told(record) == {"charge": was}
    for stored_so in ({"charge": was}, record):
        again = turn_of(stored_so, "charge")
        assert again is not None
        assert (again.winner, again.before) == (made.winner, made.before)
        assert again.weights.split == made.weights.split
