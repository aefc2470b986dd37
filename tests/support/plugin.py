"""How the suite chooses, reports and insists.

``@pytest.mark.real_kafka`` (or a fixture that needs one) runs only where a real Kafka can be had.
Where none can be, such tests are left out and the summary says so; under HANDRAISE_REQUIRE_REAL=1
the run stops instead.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.support import kafka, postgres, used

REQUIRE = "HANDRAISE_REQUIRE_REAL"
_OWN_FIXTURES = {"own_kafka", "pipeline"}
"""They kill their broker, so it must be one from the jars."""
_REAL_FIXTURES = {"real_kafka", *_OWN_FIXTURES}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    real = [item for item in items if _needs_real(item)]
    if not real:
        return
    reason = kafka.no_real_kafka()
    own = kafka.no_local_kafka() if any(_needs_own(item) for item in real) else None
    if os.environ.get(REQUIRE) and (reason or own):
        raise pytest.UsageError(f"{REQUIRE} is set and there is no real Kafka: {reason or own}")
    left_out = [item for item in real if reason or (own and _needs_own(item))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        gone = set(left_out)
        items[:] = [item for item in items if item not in gone]
        used.note("NOT RUN", f"{len(left_out)} tests that need a real Kafka: {reason or own}")


def pytest_report_header(config: pytest.Config) -> list[str]:
    broker = (
        os.environ.get(kafka.VARIABLE) or "container, else Apache Kafka by Maven, else in-process"
    )
    database = "from the environment" if os.environ.get(postgres.VARIABLE) else "embedded"
    return [f"broker: {broker}; database: {database}"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands over what it used."""
    handed_over = getattr(session.config, "workeroutput", None)
    if handed_over is not None:
        handed_over["used"] = used.notes()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for part, what in getattr(node, "workeroutput", {}).get("used", {}).items():
        used.note(part, what)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := used.lines():
        terminalreporter.section("used")
        for line in lines:
            terminalreporter.line(line)


def _needs_real(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("real_kafka") is not None or bool(fixtures & _REAL_FIXTURES)


def _needs_own(item: pytest.Item) -> bool:
    return bool(_OWN_FIXTURES & set(getattr(item, "fixturenames", ())))
