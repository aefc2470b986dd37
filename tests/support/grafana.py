"""Reads a dashboard as Grafana does: its panels and their queries with the variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARDS = DEPLOY / "grafana" / "dashboards"
RULES = DEPLOY / "prometheus" / "rules"

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True, slots=True)
class Query:
    """One query of one panel, as written."""

    panel: str
    ref: str
    expression: str

    def render(self, window: str = "1m", **chosen: str) -> str:
        """The expression as it is sent; every variable is ``.*`` unless ``chosen``."""
        values: Mapping[str, str] = {"__rate_interval": window, **chosen}
        return _VARIABLE.sub(lambda found: values.get(found[1], ".*"), self.expression)

    @property
    def variables(self) -> set[str]:
        return set(_VARIABLE.findall(self.expression))


def load(path: Path) -> dict[str, Any]:
    dashboard: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return dashboard


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, those inside collapsed rows too; rows themselves not."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from (inner for inner in panel.get("panels", ()) if inner["type"] != "row")


def queries(path: Path) -> list[Query]:
    """Every query of a dashboard."""
    return [
        Query(panel["title"], target["refId"], target["expr"])
        for panel in panels(load(path))
        for target in panel.get("targets", ())
    ]
