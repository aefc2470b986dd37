"""Caps and floors are lines of their own, the group's before the dimension's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.scoring.config import ScoringFile
from services.scoring.model import score

_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_ONE_BAND = [{"name": "all"}]


def _model(groups: dict[str, Any], **limits: int) -> ScoringFile:
    def rule(name: str, group: str, points: int) -> dict[str, Any]:
        return {"id": name, "group": group, "points": points, "when": {"source": {"exists": True}}}

    rules = [
        rule("a", "one", 30),
        rule("b", "one", 30),
        rule("c", "two", 30),
        rule("d", "bad", -50),
    ]
    return ScoringFile.model_validate(
        {
            "fit": {"groups": groups, "rules": rules, **limits},
            "intent": {},
            "bands": {"fit": _ONE_BAND, "intent": _ONE_BAND},
            "hot": {"kinds": [], "band": "all"},
            "tiers": {"all": {"all": "warm"}},
            "mql": {"fit": "all", "intent": "all"},
        }
    )


@pytest.mark.parametrize(
    ("groups", "limits", "fit", "lines"),
    [
        ({}, {}, 40, []),
        ({"one": {"cap": 40}}, {}, 20, [("cap:one", -20)]),
        ({"bad": {"floor": -10}}, {}, 80, [("floor:bad", 40)]),
        ({}, {"cap": 25}, 25, [("cap:total", -15)]),
        ({"one": {"cap": 40}}, {"cap": 15}, 15, [("cap:one", -20), ("cap:total", -5)]),
        ({"one": {"cap": 40}}, {"cap": 20}, 20, [("cap:one", -20)]),
        ({"one": {"cap": 0}, "two": {"cap": 0}}, {"floor": -20}, -20,
         [("cap:one", -60), ("cap:two", -30), ("floor:total", 30)]),
    ],
)  # fmt: skip
def test_limits(
    groups: dict[str, Any], limits: dict[str, int], fit: int, lines: list[tuple[str, int]]
) -> None:
    found = score(_model(groups, **limits), {"source": "website"}, [], _NOW)
    assert found.score.fit == fit * 100
    said = [(line.rule, line.points // 100) for line in found.ledger if ":" in line.rule]
    assert said == lines
    assert sum(line.points for line in found.ledger) == found.score.fit
