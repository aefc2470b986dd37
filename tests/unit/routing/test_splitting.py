"""Rules that split their leads: stable arms, their shares, holdouts, and what a check refuses."""

from __future__ import annotations

from collections import Counter
from uuid import UUID, uuid5

import pytest
import yaml

from schemas.base import NAMESPACE
from services.kernel.conditions import NotedFacts
from services.routing.checking import findings
from services.routing.config import RoutingFile, parse
from services.routing.policy import RuleSet
from services.routing.splitting import Arm, By, Split, units
from services.runtime.configfile import ConfigError
from tests.integration.routing.leads import files

POOLS = "  - {id: other, role: sdr, members: [ana]}"
RULE = """\
  - id: demos
    when: {kind: demo_request}
    split: {experiment: fast, by: lead, arms: [
      {name: usual, weight: 70, pool: desk}, {name: new, weight: 20, pool: other},
      {name: without, weight: 10, holdout: true}]}"""
NEXT = "  - {id: rest, when: {kind: demo_request}, nurture: true}"


def lead(n: int) -> UUID:
    return uuid5(NAMESPACE, f"lead {n}")


def facts(n: int, account: str = "acme.example") -> NotedFacts:
    return NotedFacts({"kind": "demo_request", **units(lead(n), account)})


def rules(text: str = f"{RULE}\n{NEXT}") -> RuleSet:
    return parse(files(rules=text, pools=POOLS)).first_role


def test_shares_follow_the_weights() -> None:
    split = Split("fast", (Arm("a", 70), Arm("b", 20), Arm("c", 10)))
    found = Counter(split.arm_of(units(lead(n), "x")).name for n in range(10_000))
    # Three standard deviations of a binomial: 137, 120 and 90.
    assert abs(found["a"] - 7_000) < 137
    assert abs(found["b"] - 2_000) < 120
    assert abs(found["c"] - 1_000) < 90


def test_the_arms_of_a_lead_never_change() -> None:
    """Written down: another hash would move every lead of a running experiment."""
    split = Split("fast", (Arm("a", 1), Arm("b", 1)))
    found = "".join(split.arm_of(units(UUID(int=n), "x")).name for n in range(16))
    assert found == "babaaabbababaaaa"


def test_another_experiment_draws_anew() -> None:
    one, other = (Split(name, (Arm("a", 1), Arm("b", 1))) for name in ("first", "second"))
    some = [units(lead(n), "x") for n in range(1_000)]
    agree = sum(one.arm_of(known).name == other.arm_of(known).name for known in some)
    assert 450 < agree < 550


def test_colleagues_share_an_arm_where_the_account_is_drawn() -> None:
    split = Split("fast", (Arm("a", 1), Arm("b", 1)), By.ACCOUNT)
    assert len({split.arm_of(units(lead(n), "acme.example")).name for n in range(50)}) == 1
    accounts = Counter(split.arm_of(units(lead(1), f"c{n}.example")).name for n in range(1_000))
    assert 450 < accounts["a"] < 550


def test_each_arm_leads_where_it_says_and_the_holdout_to_the_next_rule() -> None:
    chosen = rules()
    ends: dict[str, tuple[str, str | None]] = {}
    for n in range(200):
        routed = chosen.first_match(facts(n))
        (drawn,) = routed.target.drawn
        ends[drawn.arm] = (routed.target.rule, routed.target.pool)
        if drawn.arm == "without":
            assert routed.tried[0]["because"] == {"experiment": "fast", "arm": "without"}
    assert ends == {
        "usual": ("demos", "desk"),
        "new": ("demos", "other"),
        "without": ("rest", None),
    }


def test_a_lead_that_the_rule_is_not_for_has_no_arm() -> None:
    routed = rules().first_match(NotedFacts({"kind": "webinar", **units(lead(1), "x")}))
    assert (routed.target.rule, routed.target.drawn) == ("catch-all", ())


@pytest.mark.parametrize(
    ("was", "is_", "expected"),
    [
        ("name: new", "name: usual", "usual is there twice"),
        ("weight: 20", "weight: 0", "greater than or equal to 1"),
        ("pool: other", "pool: desk", "new goes where usual goes"),
        ("pool: other", "pool: othr", "unknown pool othr; did you mean other?"),
        ("pool: other", "pool: other, nurture: true", "either a pool, nurture: true or holdout"),
        ("experiment: fast", "experiment: fast, extra: 1", "unknown field"),
    ],
)
def test_a_wrong_split_is_named(was: str, is_: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(files(rules=RULE.replace(was, is_), pools=POOLS))
    said = [str(fault) for fault in refused.value.faults]
    assert any(one.startswith("routing.yaml:") and expected in one for one in said), said


def test_two_experiments_of_one_name_are_refused() -> None:
    twice = f"{RULE}\n{RULE.replace('demos', 'more')}"
    with pytest.raises(ConfigError, match="fast is there twice"):
        parse(files(rules=twice, pools=POOLS))


def test_arms_of_unlike_motions_are_refused() -> None:
    pools = POOLS.replace("members", "model: specialised, motion: outbound, members")
    with pytest.raises(ConfigError, match="the arm takes outbound leads, the first arm others"):
        parse(files(rules=RULE, pools=pools))


def test_what_stands_behind_a_split_is_shadowed_unless_some_are_held_out() -> None:
    def found(text: str) -> list[str]:
        routing = yaml.safe_load(files(rules=text, pools=POOLS)["routing.yaml"])
        return [str(fault) for fault in findings(RoutingFile.model_validate(routing))]

    assert found(f"{RULE}\n{NEXT}") == []
    full = RULE.replace("holdout: true", "nurture: true")
    assert any("shadowed rule 'rest'" in one for one in found(f"{full}\n{NEXT}"))
