"""What is learnt from outcomes: measures by hand, weights of a world whose law is known."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

pytest.importorskip("sklearn", reason="learning needs handraise[learn]")

from schemas.score import Dimension, LedgerLine
from services.cli import learning
from services.scoring.config import FILE, parse
from services.scoring.learning.columns import learnt
from services.scoring.learning.fitting import TooFew, fit
from services.scoring.learning.measures import calibrated, measured
from services.scoring.learning.profiles import profiles, wilson
from services.scoring.learning.report import report
from services.scoring.learning.rewriting import difference, rewritten
from services.scoring.learning.samples import Sample, features, full_points

AT = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = (Path(__file__).parents[3] / "deploy/config" / FILE).read_text("utf-8")
MODEL = parse({FILE: TEXT})
POINTS = full_points(MODEL)
TRUE = {"seniority_manager": 2.0, "industry_software": 1.0, "headcount_500": -0.5}
"""The law of the made world: the example's points are far from it."""


def line(rule: str, share: float = 1.0) -> LedgerLine:
    return LedgerLine(
        rule=rule, dimension=Dimension.FIT, group="g", points=round(POINTS[rule] * 100 * share)
    )


def world(size: int, seed: int = 7) -> list[Sample]:
    chance = random.Random(seed)
    found = []
    for at in range(size):
        met = [rule for rule in TRUE if chance.random() < 0.4]
        odds = -1.5 + sum(TRUE[rule] for rule in met)
        came = {"qualified"} if chance.random() < 1 / (1 + 2.718281828**-odds) else set()
        found.append(
            Sample(
                lead_id=UUID(int=at + 1),
                at=AT + timedelta(hours=at),
                total=sum(POINTS[rule] for rule in met) * 100,
                outbound=False,
                ledger=tuple(map(line, met)),
                facts={},
                came=frozenset(came),
            )
        )
    return found


def test_measures_by_hand() -> None:
    found = measured([9, 8, 7, 6, 5, 4, 3, 2, 1, 0], [True, True, False, True] + [False] * 6, 0.2)
    assert (found.rate, found.precision, found.lift) == (0.3, 1.0, pytest.approx(1 / 0.3))
    assert found.auc == pytest.approx(20 / 21)
    assert [group.rate for group in found.groups[:4]] == [1.0, 1.0, 0.0, 1.0]


def test_equal_numbers_at_the_edge_count_by_their_part() -> None:
    assert measured([1.0] * 4, [True, False, False, False], 0.25).precision == 0.25
    assert measured([1.0] * 4, [True] * 4, 0.25).auc is None
    with pytest.raises(ValueError, match="no sample"):
        measured([], [], 0.1)


def test_chances_that_are_what_they_say_have_no_error() -> None:
    assert calibrated([1.0] * 10 + [0.0] * 10, [True] * 10 + [False] * 10).error == 0
    assert calibrated([0.9] * 20, [True] * 10 + [False] * 10).error == pytest.approx(0.4)


def test_weights_come_near_the_law_of_the_world() -> None:
    samples = world(3_000)
    fitted = fit([features(one, POINTS) for one in samples], [bool(one.came) for one in samples])
    for rule, weight in TRUE.items():
        assert fitted.weights[rule] == pytest.approx(weight, abs=0.35)


def test_learnt_weights_do_better_on_later_leads_and_are_proposed() -> None:
    found = report(MODEL, world(3_000), "qualified", 0.1)
    assert found.trial is not None
    assert found.trial.in_force.auc is not None
    assert found.trial.learnt.auc is not None
    assert found.trial.learnt.auc > found.trial.in_force.auc + 0.1
    assert found.trial.learnt.precision > found.trial.in_force.precision
    assert found.trial.calibration.error < 0.06
    proposed = {one.rule: one.proposed for one in found.proposals}
    assert proposed["headcount_500"] < 0 < proposed["industry_software"]
    assert proposed["industry_software"] < proposed["seniority_manager"]
    weighed = sum(abs(POINTS[rule]) for rule in proposed)
    assert sum(map(abs, proposed.values())) == pytest.approx(weighed, abs=2)


def test_the_command_tells_both_and_ends_with_a_diff_to_accept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def read(*_: object) -> tuple[str, list[Sample]]:
        return TEXT, world(3_000)

    monkeypatch.setattr(learning, "_read", read)
    learning.run("", "qualified", timedelta(days=90), 0.1, None, json=False)
    told = capsys.readouterr().out
    assert "in force" in told
    assert told.index("learnt") < told.index("+++ b/scoring.yaml")
    file = tmp_path / "points.diff"
    learning.run("", "qualified", timedelta(days=90), 0.1, file, json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["diff"] == file.read_text() != ""
    assert len(found["proposals"]) == len(TRUE)


def test_too_few_leads_propose_nothing_and_say_so() -> None:
    found = report(MODEL, world(60), "qualified", 0.1)
    assert found.proposals == ()
    assert "60 leads" in found.why_not
    with pytest.raises(TooFew, match="at least 100"):
        fit([{}] * 500, [False] * 500)


def test_a_fading_rule_counts_by_what_is_left_of_it() -> None:
    sample = replace(world(1)[0], ledger=(line("event", 0.5), line("event", 0.25)))
    assert features(sample, POINTS) == {"event": 0.75}


def test_the_diff_changes_points_and_keeps_every_comment() -> None:
    changed = rewritten(TEXT, {"headcount_500": 7, "competitor": -150, "signal_funding": 30})
    again = full_points(parse({FILE: changed}))
    assert {rule: again[rule] for rule in again if again[rule] != POINTS[rule]} == {
        "headcount_500": 7,
        "competitor": -150,
        "signal_funding": 30,
    }
    diff = difference(TEXT, changed)
    assert diff.startswith(f"--- a/{FILE}\n+++ b/{FILE}\n")
    assert sum(1 for row in diff.splitlines() if row.startswith("+ ")) == 3
    assert difference(TEXT, rewritten(TEXT, {})) == ""
    with pytest.raises(ValueError, match="not alone on this line"):
        rewritten("fit: {rules: [{id: a, points: 1}, {id: b, points: 2}]}", {"a": 3})


def test_profiles_are_ranked_by_what_is_sure() -> None:
    def approached(industry: str, answers: int, of: int) -> list[Sample]:
        facts = {"company.industry": industry, "company.headcount": 300}
        facts["company.technologies"] = ["Kafka"]
        return [
            replace(
                world(1)[0],
                outbound=True,
                facts=facts,
                came=frozenset({"email_replied"} if at < answers else ()),
            )
            for at in range(of)
        ]

    found = profiles(
        [*approached("Software", 60, 200), *approached("Steel", 8, 20), *approached("Rare", 5, 5)]
    )
    assert [(one.industry, one.technology) for one in found] == [
        ("software", None), ("software", "kafka"), ("steel", None), ("steel", "kafka"),
    ]  # fmt: skip
    assert found[0].headcount == "200-499"
    assert wilson(60, 200) == pytest.approx(0.2408, abs=1e-3)
    assert wilson(0, 10) == 0


def test_columns_learn_words_and_bands_from_older_rows_alone() -> None:
    rows = [
        {"id": str(at), "visits": str(at), "city": "Rome" if at % 2 else ""} for at in range(40)
    ]
    columns = learnt(rows, ["id"], ["Select"])
    assert columns.features({"visits": "39", "city": "Oslo"}).keys() >= {
        "visits>=36", "visits>=12", "city=another",
    }  # fmt: skip
    assert columns.features({"visits": "", "city": "Select"}) == {"visits unknown": 1.0}
    assert columns.features({"visits": "0", "city": "Rome"}) == {"city=Rome": 1.0}
