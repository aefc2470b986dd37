"""What the check says of a model whose rules, bands or tiers have no effect."""

from __future__ import annotations

from typing import Any

import pytest

from services.scoring.checking import findings
from services.scoring.config import ScoringFile

Tree = dict[str, Any]
FREE = {"email.class": "free"}


def rule(name: str, points: int, when: Tree, group: str = "one") -> Tree:
    return {"id": name, "group": group, "points": points, "when": when}


def model(*rules: Tree, **parts: Any) -> ScoringFile:
    fit = {"rules": list(rules) or [rule("any_mail", 10, FREE)], **parts.pop("fit", {})}
    return ScoringFile.model_validate(
        {
            "fit": fit,
            "intent": {
                "rules": [{"id": "demo", "group": "asked", "kinds": ["demo_request"], "points": 80}]
            },
            "bands": {
                "fit": [{"name": "high", "min": 10}, {"name": "low"}],
                "intent": [{"name": "high", "min": 60}, {"name": "low"}],
            },
            "hot": {"kinds": [], "band": "high"},
            "tiers": {
                "high": {"high": "hot", "low": "warm"},
                "low": {"high": "warm", "low": "nurture"},
            },
            "mql": {"fit": "high", "intent": "high"},
        }
        | parts
    )


def said(found: ScoringFile) -> list[str]:
    return [str(fault) for fault in findings(found)]


def test_a_sound_model_has_no_findings() -> None:
    assert said(model()) == []


@pytest.mark.parametrize(
    ("rules", "path", "message"),
    [
        (
            [rule("a", 10, FREE), rule("b", 5, {"kind": "chat", "all": [{"kind": "event"}]})],
            "fit.rules.1.when",
            "dead rule 'b': no lead can meet it: kind eq chat and kind eq event exclude each other",
        ),
        (
            [rule("a", 10, {**FREE, "any": [{"email.class": "business"}, {"kind": "chat"}]})],
            "fit.rules.0.when.any.0.email.class",
            "dead part of rule 'a'",
        ),
        (
            [rule("a", 10, FREE), rule("b", -5, {"email.class": {"in": ["free"]}})],
            "fit.rules.1",
            "contradicting rules: the rule 'b' holds exactly where 'a' does, and takes what",
        ),
        (
            [rule("a", 10, FREE), rule("b", 5, FREE)],
            "fit.rules.1",
            "the rule 'b' holds exactly where 'a' does: its points count twice",
        ),
        ([rule("a", 10, FREE), rule("b", 0, {"kind": "chat"})], "fit.rules.1.points", "no points"),
    ],
)
def test_rules_without_effect(rules: list[Tree], path: str, message: str) -> None:
    (found,) = said(model(*rules))
    assert found.startswith(f"{path}: ")
    assert message in found


def test_intent_rules_are_compared_where_the_same_earns_their_points() -> None:
    def earner(name: str, *kinds: str) -> Tree:
        return {"id": name, "group": "asked", "kinds": list(kinds), "points": 80}

    def found(*earners: Tree) -> list[str]:
        return said(model(intent={"rules": list(earners)}))

    assert found(earner("a", "chat"), earner("b", "event")) == []
    assert (
        "points count twice" in found(earner("a", "chat", "event"), earner("b", "event", "chat"))[0]
    )


def test_bands_and_tiers_out_of_reach_are_named_with_the_bounds() -> None:
    # Two stretches of headcount exclude each other: 15 is the most that there is, not 25.
    found = said(
        model(
            rule("large", 15, {"company.headcount": {"gte": 100}}),
            rule("small", 10, {"company.headcount": {"lt": 100}}),
            bands={
                "fit": [{"name": "high", "min": 16}, {"name": "low"}],
                "intent": [{"name": "high", "min": 60}, {"name": "low"}],
            },
        )
    )
    assert found == [
        "bands.fit.0: no lead gets into the band 'high': fit lies between 0 and 15 points",
        "tiers: no lead can become hot: its bands are out of reach",
        "mql: no lead can be marketing-qualified: the bands are out of reach",
    ]


def test_a_hot_kind_reaches_its_band_without_points() -> None:
    cold: Tree = {"rules": [], "cap": 20}
    assert len(said(model(intent=cold))) == 3
    assert said(model(intent=cold, hot={"kinds": ["demo_request"], "band": "high"})) == []


def test_profiles_and_drips_are_looked_at_too() -> None:
    never = {"company.headcount": {"gte": 9, "lt": 5}}
    large, larger = {"company.headcount": {"gte": 50}}, {"company.headcount": {"gte": 500}}
    drips = [
        {"pool": "a", "when": large, "per_day": 5},
        {"pool": "b", "when": larger, "per_day": 5},
    ]
    found = said(model(outbound={"icp": never, "drips": drips}))
    assert found == [
        "outbound.icp: dead profile: no lead can meet it: company.headcount gte 9 and "
        "company.headcount lt 5 exclude each other",
        "outbound.drips.1: the drip of 'b' is never reached: 'a' before it takes every lead that "
        "it would take",
    ]


def test_a_cap_puts_a_band_out_of_reach() -> None:
    assert len(said(model(fit={"cap": 5}))) == 3
    assert len(said(model(fit={"groups": {"one": {"cap": 5}}}))) == 3
