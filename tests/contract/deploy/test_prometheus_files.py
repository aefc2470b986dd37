"""Scrape configuration and recording rules, judged by promtool itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.support import prometheus
from tests.support.grafana import DEPLOY, RULES
from tests.support.metrics import sample_names, sample_names_in

FOLDER = DEPLOY / "prometheus"


def test_promtool_accepts_the_configuration_and_the_rules_it_loads() -> None:
    said = prometheus.promtool("check", "config", FOLDER / "prometheus.yml")
    assert f"{len(list(RULES.glob('*.yml')))} rule files found" in said


def test_promtool_finds_nothing_to_complain_of_in_the_rules() -> None:
    prometheus.promtool("check", "rules", "--lint=all", *sorted(RULES.glob("*.yml")))


def test_the_rules_compute_what_they_say() -> None:
    files = sorted((FOLDER / "tests").glob("*_test.yml"))
    assert {path.name.removesuffix("_test.yml") for path in files} == {
        path.stem for path in RULES.glob("*.yml")
    }
    prometheus.promtool("test", "rules", *files)


def test_a_broken_rule_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("groups: [{name: g, rules: [{record: a:b, expr: 'sum by (x (up)'}]}]")
    with pytest.raises(AssertionError, match="parse error"):
        prometheus.promtool("check", "rules", broken)


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yml")), ids=lambda path: path.name)
def test_every_rule_reads_metrics_that_the_house_has(path: Path) -> None:
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    known = sample_names() | {rule["record"] for rule in rules if "record" in rule}
    for rule in rules:
        unknown = sample_names_in(rule["expr"]) - known
        assert not unknown, f"{rule.get('record', rule.get('alert'))} reads {sorted(unknown)}"


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yml")), ids=lambda path: path.name)
def test_every_alert_fires_and_is_silent_in_a_test_and_has_a_runbook(path: Path) -> None:
    groups = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    cases = yaml.safe_load((FOLDER / "tests" / f"{path.stem}_test.yml").read_text(encoding="utf-8"))
    named = " ".join(case["name"] for case in cases["tests"])
    page = DEPLOY.parent / "docs" / "runbooks" / f"{path.stem}.md"
    told = page.read_text(encoding="utf-8") if alerts else ""
    for alert in alerts:
        assert f"{alert} fires" in named, alert
        assert f"{alert} is silent" in named, alert
        assert f"## {alert}\n" in told, f"{page.name} does not say what to do about {alert}"


def test_every_service_is_scraped_on_the_port_it_listens_on() -> None:
    configuration = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    services = {
        name: service
        for name, service in compose["services"].items()
        if service.get("command", [""])[0] == "service"
    }
    (job,) = configuration["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) == set(services)
    for service in services.values():
        assert service["environment"]["HANDRAISE_HTTP__PORT"] == str(found["port"])


def test_a_missing_tool_fails_where_the_environment_insists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HANDRAISE_CACHE", str(tmp_path))
    monkeypatch.delenv("HANDRAISE_PROMTOOL", raising=False)
    monkeypatch.setenv(prometheus.REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="promtool is missing"):
        prometheus.tool("promtool")
    monkeypatch.delenv(prometheus.REQUIRED)
    with pytest.raises(pytest.skip.Exception, match="promtool is missing"):
        prometheus.tool("promtool")
