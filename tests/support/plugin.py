"""How the suite chooses, shares out, reports and insists.

Under pytest-xdist a file stays in one process. Whole installations (e2e) follow each other in one
process, those that are killed (reliability) in another, and both begin first. Tests of pure code
fill the time in which those wait, and step back for them.

``@pytest.mark.real_kafka`` (or a fixture that needs one) runs only where a real Kafka can be had.
Where none can be, such tests are left out and the summary says so; under HANDRAISE_REQUIRE_REAL=1
the run stops instead.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from tests.support import kafka, postgres, used

# Speed is measured in tests/benchmarks; here a busy machine is no fault. And a change is judged by
# the same examples each time, so that it caused what fails; `make proofs` looks for new ones.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("judging", _PATIENT, derandomize=True)
settings.register_profile("searching", _PATIENT)
settings.load_profile("searching" if os.environ.get("HANDRAISE_SEARCH") else "judging")

# Threads of numpy's that wait for each other's small sums take the processors from other tests.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

REQUIRE = "HANDRAISE_REQUIRE_REAL"
_OWN_FIXTURES = {"own_kafka", "pipeline", "secured", "three"}
"""They kill their broker or lock its doors, so it must be one from the jars."""
_REAL_FIXTURES = {"real_kafka", *_OWN_FIXTURES}


_SHARE = {"pipeline", "either"}
_INSTALLATIONS = ("tests/e2e/", "tests/reliability/")
_WAITING = (*_INSTALLATIONS, "tests/integration/")
"""What waits for servers, with bounds."""
_BEHIND = 10
"""Niceness of a process of other tests: a tenth as important to the scheduler."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """By file, but installations of one kind together."""

    def _split_scope(self, nodeid: str) -> str:
        kinds = (kind for kind in _INSTALLATIONS if nodeid.startswith(kind))
        return next(kinds, str(super()._split_scope(nodeid)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector of garbage need not look at it over and over."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    among_others = hasattr(item.config, "workerinput")
    if among_others and not item.nodeid.startswith(_WAITING) and os.nice(0) < _BEHIND:
        os.nice(_BEHIND)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command configures the logs of its process, here onto a stream that ends with the test."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)
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


def _turn(item: pytest.Item) -> int:
    """What takes long begins first; what steps back comes last, since it never steps forth.

    In a folder of installations those who share one come together, at its end: then it ends too.
    """
    if item.nodeid.startswith(_INSTALLATIONS):
        return 1 if _SHARE & set(getattr(item, "fixturenames", ())) else 0
    return 2 if item.nodeid.startswith(_WAITING) else 3


def _needs_real(item: pytest.Item) -> bool:
    fixtures = set(getattr(item, "fixturenames", ()))
    return item.get_closest_marker("real_kafka") is not None or bool(fixtures & _REAL_FIXTURES)


def _needs_own(item: pytest.Item) -> bool:
    return bool(_OWN_FIXTURES & set(getattr(item, "fixturenames", ())))
