"""Where the time goes: what each stage of Handraise says of itself, and what each process burns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

_STAGE = "handraise_stage_duration_seconds"


@dataclass(frozen=True, slots=True)
class Reading:
    """Totals since the processes started."""

    stages: Mapping[str, tuple[float, float]]
    """Stage -> seconds and records, from append to acknowledged."""
    cpu: Mapping[str, float]
    """Service -> seconds of CPU."""


def read(services: Mapping[str, tuple[str, int]]) -> Reading:
    """:param services: name -> URL and process id."""
    stages: dict[str, tuple[float, float]] = {}
    for url, _ in services.values():
        sums: dict[str, dict[str, float]] = {}
        text = httpx.get(f"{url}/metrics", trust_env=False).text
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in (f"{_STAGE}_sum", f"{_STAGE}_count"):
                    kind = sample.name.removeprefix(f"{_STAGE}_")
                    sums.setdefault(sample.labels["stage"], {})[kind] = sample.value
        stages |= {stage: (found["sum"], found["count"]) for stage, found in sums.items()}
    cpu = {name: sum(psutil.Process(pid).cpu_times()[:2]) for name, (_, pid) in services.items()}
    return Reading(stages, cpu)


def table(load: str, before: Reading, after: Reading, leads: int) -> list[str]:
    """Markdown rows: mean milliseconds per record of each stage that had any, and CPU per lead.

    What a process burns stands beside its first stage, and is for all of them.
    """
    lines = [
        f"| at {load} | mean, append to acknowledged, ms | CPU per lead, ms |",
        "|---|---|---|",
    ]
    shown: set[str] = set()
    for stage, (seconds, count) in after.stages.items():
        was_seconds, was_count = before.stages.get(stage, (0.0, 0.0))
        if records := count - was_count:
            mean = 1000 * (seconds - was_seconds) / records
            service = _service(stage)
            burnt = f"{1000 * (after.cpu[service] - before.cpu[service]) / leads:.2f}"
            lines.append(f"| {stage} | {mean:.1f} | {'' if service in shown else burnt} |")
            shown.add(service)
    return lines


def _service(stage: str) -> str:
    return stage.partition(".")[0]
