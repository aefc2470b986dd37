"""What the house exposes, as Prometheus names it."""

from __future__ import annotations

import re

from services.runtime.metrics import Metrics

_SUFFIXES = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}
_NAME = re.compile(r"(?<![\w:])[a-z_:]*handraise_[\w:]+")


def sample_names() -> set[str]:
    """Names of every series that the processes serve."""
    return {
        f"{family.name}{suffix}"
        for family in Metrics().registry.collect()
        for suffix in _SUFFIXES[family.type]
    }


def sample_names_in(expression: str) -> set[str]:
    """Names of ours that a PromQL expression reads: scraped series and recorded ones."""
    return set(_NAME.findall(expression))
