"""The register of configurations over HTTP: read, check, test, publish, go back, call off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import SecretStr

from services.cli import configfiles
from services.cli.docs.__main__ import ROOT
from services.routing import config_http
from services.runtime.apart import Apart, Bounds
from services.runtime.apikeys import Scope
from services.runtime.configstore import ConfigStore, Published, version_of
from services.runtime.settings import PostgresSettings
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import files
from tests.integration.routing.web import Client, served
from tests.support.waiting import eventually

EXAMPLE = configfiles.load(configfiles.folder(ROOT / "deploy" / "config"))
"""A set that every service understands."""
TESTS = (ROOT / "deploy" / "config" / "routing.tests.yaml").read_text("utf-8")
READ = {Scope.DECISIONS_READ}
BOTH = {Scope.DECISIONS_READ, Scope.REPS_ADMIN}
_BOUNDS = Bounds(120, 2048)


@asynccontextmanager
async def open_web(desk: Desk, dsn: str, scopes: set[Scope]) -> AsyncIterator[Client]:
    apart = Apart(PostgresSettings(dsn=SecretStr(dsn)), _BOUNDS, at_once=2)
    async with served(desk, config_http.router(desk.pool, apart), scopes=scopes) as web:
        yield web


async def active(desk: Desk) -> Published:
    async with desk.pool.acquire() as connection:
        return (await ConfigStore().list(connection))[0]


async def test_versions_are_shown_compared_and_brought_back(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    old = {**EXAMPLE, "teams.yaml": EXAMPLE["teams.yaml"] + "# as it was\n"}
    desk = await open_desk(old)
    await desk.publish(EXAMPLE)
    first, second = version_of(old), version_of(EXAMPLE)
    async with open_web(desk, postgres_dsn, BOTH) as web:
        told = (await web.get("/v1/config/versions")).json()
        assert [(one["version"], one["active"]) for one in told["versions"]] == [
            (second, True),
            (first, False),
        ]
        assert (await web.get("/v1/config/versions/active")).json()["version"] == second
        lines = (await web.get("/v1/config/diff", params={"new": first})).json()["diff"]
        assert "+# as it was" in lines
        assert (await web.get("/v1/config/versions/nothing")).status_code == 404

        asked = {"version": first, "reason": "too early"}
        refused = await web.post("/v1/config/rollback", json=asked, headers=web.narrow)
        assert refused.status_code == 403
        back = await web.post("/v1/config/rollback", json=asked)
        assert back.json()["version"] == first
        last = await active(desk)
        assert (last.version, last.note, last.author) == (first, "too early", "ops")


async def test_what_no_longer_parses_does_not_come_back(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(files())  # what routing reads alone: capture finds nothing of its own
    half = desk.config.current.version
    await desk.publish(EXAMPLE)
    async with open_web(desk, postgres_dsn, BOTH) as web:
        refused = await web.post("/v1/config/rollback", json={"version": half})
        assert (refused.status_code, refused.json()["title"]) == (422, "Not usable")
        assert {one["file"] for one in refused.json()["faults"]} >= {"sources.yaml"}
    assert (await active(desk)).version == version_of(EXAMPLE)


async def test_check_asks_every_service_and_stores_nothing(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(EXAMPLE)
    async with open_web(desk, postgres_dsn, READ) as web:
        good = (await web.post("/v1/config/check", json={})).json()
        assert (good["version"], good["faults"]) == (version_of(EXAMPLE), [])
        broken = {"response.yaml": "clock: {}\n", "routing.yaml": "catch_all: {pool: dsk}\n"}
        faults = (await web.post("/v1/config/check", json={"files": broken})).json()["faults"]
        assert {one["file"] for one in faults} >= {"response.yaml", "routing.yaml"}
        assert all(one["line"] >= 1 and one["path"] for one in faults)
        twice = EXAMPLE["routing.yaml"].replace(
            "rules:\n",
            "rules:\n"
            "  - {id: first, when: {tier: hot}, nurture: true}\n"
            "  - {id: again, when: {tier: hot}, nurture: true}\n",
            1,
        )
        made = (await web.post("/v1/config/check", json={"files": {"routing.yaml": twice}})).json()
        assert made["faults"] == []
        assert any("shadowed rule 'again'" in one["message"] for one in made["findings"])
        gone = {"files": {"teams.yaml": None}}
        assert (await web.post("/v1/config/check", json=gone)).json()["faults"]
        no_version = await web.post("/v1/config/check", json={"version": "nothing"})
        assert no_version.status_code == 404
        no_name = await web.post("/v1/config/check", json={"files": {"../a.yaml": ""}})
        assert no_name.status_code == 422
        assert len((await web.get("/v1/config/versions")).json()["versions"]) == 1


async def test_examples_are_tried_on_files_and_versions(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(EXAMPLE)
    async with open_web(desk, postgres_dsn, READ) as web:
        told = (await web.post("/v1/config/test", json={"tests": TESTS})).json()
        assert (told["ok"], told["failed"]) == (True, [])
        assert told["tests"] > 3
        more = {"tests": TESTS, "min_coverage": 100}
        assert (await web.post("/v1/config/test", json=more)).json()["ok"] is (
            told["coverage_percent"] == 100
        )
        smaller = EXAMPLE["routing.yaml"].replace("{gte: 500}", "{gte: 50000}")
        asked = {"tests": TESTS, "files": {"routing.yaml": smaller}}
        wrong = (await web.post("/v1/config/test", json=asked)).json()
        assert wrong["ok"] is False
        first = wrong["failed"][0]
        assert TESTS.splitlines()[first["line"] - 1].strip().startswith("- name:")
        assert "enterprise-emea" in wrong["unreached"]
        typo = TESTS.replace("expect: {pool:", "expect: {pol:", 1)
        refused = await web.post("/v1/config/test", json={"tests": typo})
        (fault,) = refused.json()["faults"]
        assert (refused.status_code, fault["file"]) == (422, "routing.tests.yaml")
        assert fault["line"] > 1
        assert (await web.post("/v1/config/test", json={"tests": ""})).status_code == 422


async def test_a_set_is_published_and_a_broken_one_is_not(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(EXAMPLE)
    before = version_of(EXAMPLE)
    changed = {"teams.yaml": EXAMPLE["teams.yaml"] + "# one more\n"}
    after = version_of({**EXAMPLE, **changed})
    async with open_web(desk, postgres_dsn, BOTH) as web:
        asked = {"files": changed, "note": "a remark", "author": "maya", "expected": before}
        refused = await web.post("/v1/config/versions", json=asked, headers=web.narrow)
        assert refused.status_code == 403
        broken = {**asked, "files": {"scoring.yaml": "rules: 3\n"}}
        refused = await web.post("/v1/config/versions", json=broken)
        assert refused.status_code == 422
        assert refused.json()["faults"][0]["file"] == "scoring.yaml"
        assert (await active(desk)).version == before

        made = (await web.post("/v1/config/versions", json=asked)).json()
        assert (made["version"], made["before"], made["changed"]) == (after, before, True)
        last = await active(desk)
        assert (last.version, last.author, last.note) == (after, "maya (ops)", "a remark")
        await eventually(lambda: desk.config.current.version == after, 30)

        stale = await web.post("/v1/config/versions", json=asked)
        assert (stale.status_code, stale.json()["active"]) == (409, after)
        again = {"files": changed, "note": "twice"}
        assert (await web.post("/v1/config/versions", json=again)).json()["changed"] is False


async def test_who_publishes_meanwhile_is_not_undone(
    open_desk: OpenDesk, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await open_desk(EXAMPLE)
    other = {**EXAMPLE, "teams.yaml": EXAMPLE["teams.yaml"] + "# somebody else\n"}
    async with open_web(desk, postgres_dsn, BOTH) as web:
        run = Apart.run

        async def while_checking(self: Apart, kind: str, request: Any) -> Any:
            found = await run(self, kind, request)
            await desk.publish(other)
            return found

        monkeypatch.setattr(Apart, "run", while_checking)
        asked = {"files": {"routing.yaml": EXAMPLE["routing.yaml"] + "# mine\n"}}
        refused = await web.post("/v1/config/versions", json=asked)
        assert (refused.status_code, refused.json()["title"]) == (409, "Overtaken")
    assert (await active(desk)).version == version_of(other)


async def test_what_is_planned_becomes_active_later_or_is_called_off(
    open_desk: OpenDesk, postgres_dsn: str
) -> None:
    desk = await open_desk(EXAMPLE)
    asked = {
        "files": {"teams.yaml": EXAMPLE["teams.yaml"] + "# Q1\n"},
        "effective_at": "2036-01-01T08:00:00+01:00",
    }
    async with open_web(desk, postgres_dsn, BOTH) as web:
        made = (await web.post("/v1/config/versions", json=asked)).json()
        assert (made["active"], made["changed"]) == (False, False)
        (later,) = (await web.get("/v1/config/versions")).json()["scheduled"]
        assert later["version"] == made["version"]
        assert (await active(desk)).version == version_of(EXAMPLE)
        place = f"/v1/config/scheduled/{made['version']}"
        assert (await web.delete(place)).json()["cancelled"] == 1
        assert (await web.delete(place)).status_code == 404
