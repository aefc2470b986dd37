"""The house rules that a reader relies on, held by reading the source."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.architecture.reading import ROOT, SERVICES, Module, forget, modules

MODULE_LINES, TEST_LINES, FUNCTION_LINES = 300, 400, 40

SHELL = {
    "services.capture": {
        "acceptance", "answers", "app", "bulklag", "completing", "door", "door_feeds", "door_hooks",
        "door_leads", "door_prospects", "door_standing", "ends", "eventdoors", "feedtimes",
        "fetcher", "handlers", "http", "kafka_gate", "merging", "mx", "openapi", "openapi_events",
        "openapi_prospects", "openapi_website", "outcomes", "partnerstages", "recent", "relay",
        "release", "spool", "store", "unverified", "website",
    },
    "services.enrichment": {
        "app", "asking", "few", "handlers", "http", "jobs", "late", "providers.gate",
        "providers.http_client", "providers.mail_servers", "providers.maxmind",
        "providers.registry", "settling", "store", "turns",
    },
    "services.scoring": {
        "again", "app", "assignments", "drip", "givenup", "handlers", "http", "recorder",
        "recycling", "rescorer", "review", "signals", "store",
    },
    "services.routing": {
        "accounts", "accounts_feed", "accounts_http", "activities", "app", "claims_http",
        "config_http", "deciding", "drain", "experiments_http", "fairness_http", "finding",
        "handlers", "http", "http_reps", "http_story", "leave_feed", "mending", "merge_http",
        "merging", "people_feed", "requests", "review.books", "review.experiments",
        "review.fairness", "review.runs", "review.territories", "review_http", "staff", "store",
        "sweeps", "territories_http",
    },
    "services.response": {
        "app", "handlers", "measures", "progress", "retime", "store", "timer", "touring",
    },
    "services.delivery": {
        "acting", "app", "composing", "crm.byhand", "crm.changes", "crm.hubspot", "crm.periodic",
        "crm.reader", "crm.salesforce", "crm.sync", "due", "following", "handlers", "http",
        "leases", "logins", "sinks.batching", "sinks.email", "sinks.hubspot", "sinks.hubspot_api",
        "sinks.outreach", "sinks.plans", "sinks.registry", "sinks.salesforce",
        "sinks.salesforce_session", "sinks.salesloft", "sinks.slack", "sinks.webhook", "store",
        "trial", "worker", "workers",
    },
}  # fmt: skip
"""What touches the world. Every other module of a service, and all of the kernel, is pure."""

PURE_MAY_USE = {
    "buckets", "configfile", "configregister", "configstore", "records", "yamltext",
}  # fmt: skip
"""Modules of services/runtime that only hold data or parse text."""

IMPURE_LIBRARIES = {
    "aiokafka", "alembic", "asyncio", "asyncpg", "confluent_kafka", "contextvars", "fastapi",
    "faststream", "httpx", "io", "logging", "os", "pathlib", "prometheus_client", "psutil",
    "random", "secrets", "shutil", "socket", "sqlalchemy", "starlette", "structlog", "subprocess",
    "sys", "tempfile", "threading", "time", "typer", "uvicorn",
}  # fmt: skip
IMPURE_NAMES = {
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "uuid4", "uuid1",
    "uuid.uuid4", "uuid.uuid1",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "breakpoint"}

A_TABLE = {"services.runtime.metrics.__init__"}
"""One declaration after the other; shorter only by being spread out."""

MAY_READ_THE_ENVIRONMENT = (
    "services.runtime.settings",
    "services.runtime.secretvalues",
    # A forked process is given its own.
    "services.runtime.forked",
    "services.cli.",
    # A process that computes is given what a program of this machine needs, and no secret.
    "services.runtime.apart",
    # JAVA_HOME, and where fetched jars are kept.
    "services.runtime.embedded.java",
)


@pytest.fixture(scope="module", autouse=True)
def _parsed_once() -> Iterator[None]:
    yield
    forget()


@cache
def _shell(name: str) -> bool:
    service = ".".join(name.split(".")[:2])
    inside = name.removeprefix(f"{service}.")
    return any(inside == part or inside.startswith(f"{part}.") for part in SHELL.get(service, ()))


def _pure() -> list[Module]:
    found = modules("services/kernel", *(f"services/{service}" for service in SERVICES))
    return [module for module in found if not _shell(module.name)]


def _impurities(module: Module) -> list[str]:
    found = []
    for name, line in module.imports():
        top, _, _ = name.partition(".")
        if top in IMPURE_LIBRARIES:
            found.append(f"{module.name}:{line} imports {name}")
        if name.startswith("services.runtime.") and name.split(".")[2] not in PURE_MAY_USE:
            found.append(f"{module.name}:{line} imports {name}")
        if _shell(name) or _shell(name.rpartition(".")[0]):
            found.append(f"{module.name}:{line} imports {name}, which touches the world")
    for name, line in module.names():
        if name in IMPURE_NAMES or name.endswith("os.environ"):
            found.append(f"{module.name}:{line} uses {name}")
    for node in module.nodes:
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                found.append(f"{module.name}:{node.lineno} calls {name}()")
    return found


def test_imports_go_one_way() -> None:
    # A process of its own: the linter disables the loggers that it finds.
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_pure_modules_touch_nothing() -> None:
    assert [line for module in _pure() for line in _impurities(module)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import time",
        "from os import environ",
        "from datetime import datetime\nx = datetime.now()",
        "from uuid import uuid4\nx = uuid4()",
        "x = open('f')",
        "from services.runtime.database import connect",
        "from services.capture.store import people",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asyncpg",
    ],
)
def test_an_impurity_is_found(text: str) -> None:
    module = Module(ROOT / "services" / "kernel" / "invented.py")
    module.__dict__["text"] = text
    assert _impurities(module)


def test_shell_modules_exist() -> None:
    """A name that no module bears would silently make a later module of that name impure."""
    names = {module.name for module in modules("services")}
    listed = {f"{service}.{part}" for service, parts in SHELL.items() for part in parts}
    assert listed - names == set()


BY_HAND = {
    "capture": ("adapters", "events", "leadform", "release", "store.feeds", "store.quarantine"),
    "enrichment": ("table", "store.companies"),
    "scoring": (
        "asked",
        "committee",
        "learning",
        "page",
        "review",
        "rules",
        "simulation",
        "store.outcomes",
        "store.people",
        "store.recorded",
    ),
    "routing": ("leave_calendar", "review", "staff"),
    "delivery": (
        "crm",
        "sinks.registry",
        "trial",
        "store.crm",
        "store.operating",
        "store.sinks",
    ),
    "response": ("retime", "store.cadences", "store.due"),
}
"""What the command does itself, for a person: sign a payload, read a list, submit history, release
from quarantine; import a table, read a calendar; try another model, learn from outcomes; review
decisions, change people; try, pause and retry a sink; compute clocks anew, resume a touch plan."""


def test_only_the_command_imports_a_service() -> None:
    """And of a service how it is built, read, explained, pruned and erased, and BY_HAND (docs: the
    routes too)."""
    parts = r"app|config|explain|store\.retention|store\.erasing"
    built = rf"services\.({'|'.join(SERVICES)})(\.({parts})(\..*)?)?"
    by_hand = [
        re.escape(f"services.{service}.{part}") + r"(\..*)?"
        for service, parts in BY_HAND.items()
        for part in parts
    ]
    allowed = re.compile(rf"({'|'.join([built, *by_hand])})$")
    documented = re.compile(rf"services\.({'|'.join(SERVICES)})\.(\w+_)?http(\..*)?$")
    for module in modules("services/cli"):
        for name, line in module.imports():
            top, _, rest = name.partition(".")
            if top == "services" and rest.split(".")[0] in SERVICES:
                asks = allowed.match(name) or (
                    module.name.startswith("services.cli.docs.") and documented.match(name)
                )
                assert asks, f"{module.name}:{line} imports {name}"


def test_only_settings_read_the_environment() -> None:
    for module in modules("schemas", "services"):
        if module.name.startswith(MAY_READ_THE_ENVIRONMENT):
            continue
        used = [f"{name}:{line}" for name, line in module.names() if name.endswith("environ")]
        used += [f"{n}:{line}" for n, line in module.imports() if n in ("os.environ", "os.getenv")]
        assert not used, f"{module.name} reads the environment at {used}"


def test_modules_are_small() -> None:
    long = {
        module.name: lines
        for module in modules("schemas", "services", "tests")
        if (lines := module.text.count("\n"))
        > (TEST_LINES if module.name.startswith("tests.") else MODULE_LINES)
    }
    assert long == {}


def test_functions_are_small() -> None:
    """Counted from the first line of the body; signature and docstring are not."""
    long = {}
    for module in modules("schemas", "services"):
        for function in module.functions():
            body = function.body
            if ast.get_docstring(function) is not None:
                body = body[1:]
            if body and (lines := (body[-1].end_lineno or 0) - body[0].lineno + 1) > FUNCTION_LINES:
                long[f"{module.name}.{function.name}"] = lines
    assert long.keys() >= A_TABLE, "the list of exceptions names what is none"
    long = {name: lines for name, lines in long.items() if name not in A_TABLE}
    assert long == {}


def test_nothing_is_unfinished() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|raise NotImplementedError)\b")
    found = [
        f"{module.name}: {line.strip()}"
        for module in modules("schemas", "services")
        for line in module.text.splitlines()
        if marks.search(line)
    ]
    assert found == []


def test_topics_are_named_in_one_place() -> None:
    """Anywhere else a name would drift from what the cluster has."""
    topic = re.compile(r"^[a-z][a-z_.-]*\.v\d+$")
    for module in modules("services"):
        for node in module.nodes:
            match node:
                case ast.Constant(value=str(text)) if topic.match(text):
                    pytest.fail(f"{module.name}:{node.lineno} names a topic: {text}")


def test_our_packages_are_nobody_elses() -> None:
    """`services` and `schemas` are common names: another distribution must not bring them too."""
    owners = packages_distributions()
    for package in ("services", "schemas"):
        assert set(owners.get(package, [])) <= {"handraise"}


def test_every_dependency_is_locked_with_hashes() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = {
        "requirements.lock": project["dependencies"] + extras["build"],
        "requirements-dev.lock": project["dependencies"] + extras["build"] + extras["dev"],
    }
    for file, requirements in wanted.items():
        text = (ROOT / file).read_text()
        entries = dict(
            re.findall(r"^([a-z0-9._-]+)==(?:.*\\)\n((?:    --hash=.*\n)+)", text, re.MULTILINE)
        )
        names = {
            re.split(r"[\[><=;! ]", requirement, maxsplit=1)[0] for requirement in requirements
        }
        missing = {name for name in names if re.sub(r"[._-]+", "-", name.lower()) not in entries}
        assert missing == set(), f"{file} lacks {missing}: make lock"
        assert "://" not in text, f"{file} names an address"
