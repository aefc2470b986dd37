"""Tests of a configuration: what they find, and where they say it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from services.cli import configfiles
from services.cli.main import run
from services.routing.review.testing import FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(configfiles.folder(None), tmp_path / "config")


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_example_does_what_its_tests_say_and_they_reach_every_rule(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["config", "test", "--json", "--min-coverage", "100"]) == 0
    report = json.loads(said(capsys)[0])
    assert (report["ok"], report["coverage_percent"], report["unreached"]) == (True, 100.0, [])
    assert report["tests"] >= 9


def test_a_changed_rule_fails_the_test_that_it_breaks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = folder / "routing.yaml"
    rules.write_text(rules.read_text().replace("{gte: 500}", "{gte: 5000}", 1))
    assert run(["config", "test", "--config", str(folder)]) == 1
    out, err = said(capsys)
    assert "routing.tests.yaml:10 a large German company" in out
    assert "expected pool enterprise-emea, got sdr-follow-the-sun" in out
    assert "rule enterprise-emea: no (company.headcount is at least 5000: 900)" in out
    assert "7 of 10 tests pass" in err
    assert "no test reaches: enterprise-emea" in err


def test_coverage_may_be_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = folder / FILE
    tests.write_text(
        "tests:\n"
        "  - {name: one, at: '2026-11-24T10:00:00Z', lead: {email.class: disposable},\n"
        "     expect: {nurture: true}}\n"
    )
    assert run(["config", "test", "--config", str(folder)]) == 0
    assert run(["config", "test", "--config", str(folder), "--min-coverage", "90"]) == 1
    assert "they reach 14.3 % of the rules" in said(capsys)[1]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("lead: {contry: DE}, expect: {hold: true}", "2 tests.0.lead.contry: unknown field"),
        (
            "lead: {company.headcount: many}, expect: {hold: true}",
            "2 tests.0.lead.company.headcount: 'many' is no number",
        ),
        ("lead: {tier: hott}, expect: {hold: true}", "did you mean hot?"),
        ("lead: {}, expect: {}", "expect at least one of"),
        ("lead: {}, expect: {pool: enterprise}", "2 tests.0.expect.pool: unknown pool enterprise"),
        ("lead: {}, given: {away: [dan]}, expect: {hold: true}", "unknown rep dan"),
        ("lead: {}, expect: {holt: true}", "2 tests.0.expect.holt"),
    ],
)
def test_what_is_wrong_in_the_tests_is_said_with_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, line: str
) -> None:
    (folder / FILE).write_text(f"tests:\n  - {{name: x, at: '2026-11-24T10:00:00Z', {text}}}\n")
    assert run(["config", "test", "--config", str(folder)]) == 2
    assert line in said(capsys)[1]


def test_tests_are_no_part_of_a_version(folder: Path) -> None:
    before = configfiles.load(folder)
    (folder / FILE).unlink()
    assert configfiles.load(folder) == before
