"""Every dashboard asks Prometheus for what there is, in words that it understands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import grafana, prometheus
from tests.support.grafana import DASHBOARDS, RULES, Query
from tests.support.metrics import sample_names, sample_names_in

PATHS = sorted(DASHBOARDS.glob("*.json"))
QUERIES = [
    pytest.param(query, id=f"{path.stem}: {query.panel} {query.ref}")
    for path in PATHS
    for query in grafana.queries(path)
]


def recorded() -> set[str]:
    return {
        rule["record"]
        for path in RULES.glob("*.yml")
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "record" in rule
    }


def test_the_speed_dashboard_is_where_links_expect_it() -> None:
    dashboards = {path.stem: grafana.load(path)["uid"] for path in PATHS}
    assert dashboards["speed"] == "handraise-speed"
    assert len(set(dashboards.values())) == len(dashboards)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_no_data_source_is_hard_coded(path: Path) -> None:
    dashboard = grafana.load(path)
    variables = {one["name"]: one["type"] for one in dashboard["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    for node in _nodes(dashboard):
        if "datasource" in node:
            assert node["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_panels_are_told_apart_and_explained(path: Path) -> None:
    panels = list(grafana.panels(grafana.load(path)))
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"], panel["title"]
        assert panel["targets"], panel["title"]
        assert panel["fieldConfig"]["defaults"].get("unit") or panel["type"] == "heatmap"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_panels_do_not_overlap(path: Path) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in grafana.load(path)["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


@pytest.mark.parametrize("query", QUERIES)
def test_every_metric_of_a_query_exists(query: Query) -> None:
    names = sample_names_in(query.expression)
    assert names, "a panel about nothing of ours"
    assert not names - sample_names() - recorded()


@pytest.mark.parametrize("query", QUERIES)
def test_every_variable_of_a_query_exists(query: Query) -> None:
    known = {"__rate_interval", "__range", "lane", "tier"}
    assert query.variables <= known


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_prometheus_can_parse_every_query(path: Path, tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:query:number{number}", "expr": query.render()}
        for number, query in enumerate(grafana.queries(path))
    ]
    assert rules
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    prometheus.promtool("check", "rules", file)


def test_the_speed_dashboard_shows_what_it_promises() -> None:
    (path,) = (path for path in PATHS if path.stem == "speed")
    shown = {name for query in grafana.queries(path) for name in sample_names_in(query.expression)}
    assert {
        "lane_tier:handraise_assignment_latency_seconds:p50_5m",
        "lane_tier:handraise_assignment_latency_seconds:p95_5m",
        "lane_tier:handraise_assignment_latency_seconds:p99_5m",
        "tier:handraise_hold_seconds:p50_5m",
        "stage_lane:handraise_stage_duration_seconds:mean5m",
        "handraise_consumer_lag_seconds",
        "end:handraise_submissions:rate5m",
        "handraise_holds",
        "handraise_dead_letters_total",
        "handraise_submissions_accepted_total",
        "handraise_spool_rows",
    } <= shown


def test_the_dashboards_of_response_and_delivery_show_every_measure_and_rules_watch_them() -> None:
    """Each measure that is promised has a panel and an alert, directly or by a recorded rule."""
    measures = {
        "handraise_speed_to_lead_seconds",
        "handraise_hot_leads_five_minutes",
        "handraise_oldest_untouched_hot_lead_seconds",
        "handraise_time_to_accept_seconds",
        "handraise_breaches",
        "handraise_hops",
        "handraise_deliveries",
        "handraise_delivery_latency_seconds",
        "handraise_feed_age_seconds",
    }
    shown = " ".join(query.expression for path in PATHS for query in grafana.queries(path))
    groups = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES.glob("*.yml")]
    rules = [rule for file in groups for group in file["groups"] for rule in group["rules"]]
    watched = " ".join(rule["expr"] for rule in rules if "alert" in rule)
    for measure in measures:
        told = measure.replace("five_minutes", "touched_in_five_minutes")
        assert measure in shown or told in shown, measure
        assert measure in watched or told in watched, measure


def test_provisioning_finds_the_dashboards_and_the_data_source() -> None:
    provisioning = DASHBOARDS.parent / "provisioning"
    provider = yaml.safe_load((provisioning / "dashboards" / "handraise.yaml").read_text())
    source = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())
    compose = yaml.safe_load((DASHBOARDS.parents[1] / "compose.yaml").read_text())
    service = compose["services"]["grafana"]
    folder = provider["providers"][0]["options"]["path"]
    assert f"./grafana/dashboards:{folder}:ro" in service["volumes"]
    assert source["datasources"][0]["url"] == "$PROMETHEUS_URL"
    assert service["environment"]["PROMETHEUS_URL"] == "http://prometheus:9090"
    home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DASHBOARDS / Path(home).name).exists()
    assert str(Path(home).parent) == folder


def _nodes(node: Any) -> list[dict[str, Any]]:
    match node:
        case dict():
            return [node, *(inner for value in node.values() for inner in _nodes(value))]
        case list():
            return [inner for value in node for inner in _nodes(value)]
        case _:
            return []
