"""The law of the turns: what a member was given never strays far from what it is entitled to."""

from __future__ import annotations

import random
from fractions import Fraction

from hypothesis import given, settings, target
from hypothesis import strategies as st

from services.routing.fairness import EVEN, UNIT, Turn, charge, choose, give_back, shares

Weights = dict[str, int]

pools = st.dictionaries(
    st.integers(0, 99).map(lambda n: f"m{n:02}"), st.integers(1, 20), min_size=1, max_size=12
)


def deviation(turns: dict[str, Turn]) -> Fraction:
    return max((abs(turn.deviation) for turn in turns.values()), default=Fraction(0))


def eligible(chance: random.Random, weights: Weights, filtered: float, away: str | None) -> Weights:
    """Who is not filtered out of this lead and not away; whether they are owed plays no part."""
    return {
        member: weight
        for member, weight in weights.items()
        if member != away and chance.random() >= filtered
    }


@settings(deadline=None)
@given(pools)
def test_shares_add_up_to_one_lead_exactly(weights: Weights) -> None:
    split = shares(weights)
    assert sum(split.values()) == UNIT
    total = sum(weights.values())
    for member, share in split.items():
        assert abs(share - Fraction(UNIT * weights[member], total)) <= 1


@settings(deadline=None)
@given(pools, st.integers(1, 300))
def test_nobody_filtered_nobody_is_more_than_one_lead_off(weights: Weights, leads: int) -> None:
    turns: dict[str, Turn] = {}
    for _ in range(leads):
        turns.update(choose(weights, turns).after().turns())
        assert deviation(turns) <= 1
    assert sum(turn.count for turn in turns.values()) == leads


@settings(max_examples=150, deadline=None)
@given(pools, st.sampled_from([0.1, 0.25, 0.5, 0.7, 0.9]), st.integers(0, 2**32))
def test_filters_absences_joiners_and_new_weights_stay_within_two(
    weights: Weights, filtered: float, seed: int
) -> None:
    chance = random.Random(seed)
    turns: dict[str, Turn] = {}
    away = chance.choice([None, *weights])
    worst = Fraction(0)
    for lead in range(300):
        if lead == 100:
            weights = {**weights, "joiner": chance.randint(1, 20)}
        if lead == 200:
            weights = {member: chance.randint(1, 20) for member in weights}
        absent = away if 50 <= lead < 250 else None
        now = eligible(chance, weights, filtered, absent)
        if not now:
            continue
        before = turns.get(away, EVEN) if away else EVEN
        turns.update(choose(now, turns).after().turns())
        if absent is not None:
            assert turns.get(absent, EVEN) == before, "who is away neither gains nor loses"
        worst = max(worst, deviation(turns))
    target(float(worst))
    assert worst <= 2


@settings(deadline=None)
@given(pools, st.integers(1, 60), st.integers(0, 2**32))
def test_who_returns_is_not_flooded(weights: Weights, absence: int, seed: int) -> None:
    chance = random.Random(seed)
    weights = {**weights, "back": 5}
    others = {member: weight for member, weight in weights.items() if member != "back"}
    turns: dict[str, Turn] = {}
    for _ in range(chance.randint(0, 50)):
        turns.update(choose(weights, turns).after().turns())
    for _ in range(absence * (len(others) > 0)):
        turns.update(choose(others, turns).after().turns())
    before = turns.get("back", EVEN).count
    due = Fraction(20 * 5, sum(weights.values()))
    for _ in range(20):
        turns.update(choose(weights, turns).after().turns())
    assert abs(turns["back"].count - before - due) <= 2


@settings(deadline=None)
@given(pools, st.integers(0, 100), st.integers(0, 2**32))
def test_a_turn_given_back_leaves_no_trace(weights: Weights, leads: int, seed: int) -> None:
    chance = random.Random(seed)
    turns: dict[str, Turn] = dict.fromkeys(weights, EVEN)
    for _ in range(leads):
        turns.update(choose(weights, turns).after().turns())
    some = eligible(chance, weights, 0.3, None) or weights
    choice = choose(some, turns)
    after = {**turns, **choice.after().turns()}
    after.update(give_back(choice.winner, shares(choice.weights), after).turns())
    assert after == turns


@settings(deadline=None)
@given(pools, st.data())
def test_a_charged_lead_costs_its_owner_one_turn(weights: Weights, data: st.DataObject) -> None:
    owner = data.draw(st.sampled_from(sorted({*weights, "elsewhere"})))
    turns: dict[str, Turn] = {}
    turns.update(charge(owner, weights, turns).after().turns())
    assert turns[owner].count == 1
    assert sum(turn.count for turn in turns.values()) == 1
    assert sum(turn.entitlement for turn in turns.values()) == UNIT


@settings(deadline=None)
@given(pools, st.dictionaries(st.integers(0, 99).map(lambda n: f"m{n:02}"), st.builds(
    Turn, st.integers(0, 50), st.integers(0, 50 * UNIT))))  # fmt: skip
def test_the_choice_is_the_earliest_deadline_of_those_who_are_owed(
    weights: Weights, turns: dict[str, Turn]
) -> None:
    choice = choose(weights, turns)
    owed = [one for one in choice.standings if one.turn.deviation < 0] or choice.standings
    winner = next(one for one in owed if one.member == choice.winner)
    assert winner.deadline == min(one.deadline for one in owed)
