"""``handraise crm`` and ``handraise reps import`` against a portal, without a running service."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from services.cli import main
from services.runtime.configstore import ConfigStore, read_folder
from services.runtime.database import prepare
from tests.support.crms import Portal, listening

CONFIG = Path(__file__).parents[3] / "deploy" / "config"


@dataclass
class Shell:
    """Commands in this process, against one database and one portal."""

    portal: Portal
    dsn: str
    read: Callable[[], tuple[str, str]]

    async def run(self, *arguments: str) -> tuple[int, Any, str]:
        """Exit code, what ``--json`` printed, and stderr."""
        self.read()
        code = await asyncio.to_thread(main.run, [*arguments, "--json"])
        out, err = self.read()
        return code, json.loads(out) if out else None, err

    async def rows(self, query: str) -> list[dict[str, Any]]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return [dict(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()


@pytest.fixture
async def shell(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> AsyncIterator[Shell]:  # fmt: skip
    portal = Portal()
    async with listening(portal):
        hubspot = {
            "type": "hubspot", "token": "CRM", "base_url": portal.url,
            "allow_networks": ["127.0.0.1/32"],
        }  # fmt: skip
        delivery = yaml.safe_dump({"sinks": {"portal": hubspot}})
        connection = await asyncpg.connect(postgres_dsn)
        await prepare(connection)
        files = {**read_folder(CONFIG), "delivery.yaml": delivery}
        await ConfigStore().seed(connection, files)
        await connection.close()
        monkeypatch.setenv("HANDRAISE_POSTGRES__DSN", postgres_dsn)
        monkeypatch.setenv("HANDRAISE_SECRET_CRM", "pat-token")
        monkeypatch.chdir(tmp_path)
        yield Shell(portal, postgres_dsn, lambda: tuple(capsys.readouterr()))


async def test_reps_are_found_among_the_owners_and_who_is_missing_is_said(shell: Shell) -> None:
    shell.portal.owner("711", "Lena.Vogt@example.com", "Lena Vogt")
    shell.portal.owner("712", "jonas.keller@example.com", "Jonas Keller")
    shell.portal.owner("713", "jonas.keller@example.com", "Jonas Twice")
    shell.portal.owner("799", "zoe@elsewhere.example", "Zoe Ito")
    count = "select owner_id from delivery.crm_owners order by 1"
    code, said, err = await shell.run("reps", "import", "--from", "hubspot", "--dry-run")
    assert code == 1, "not everybody was found"
    assert "have no owner in the CRM" in err
    found = {one["rep"]: (one["owner_id"], one["found_by"]) for one in said["reps"]}
    assert found["lena.vogt"] == ("711", "email")
    assert found["jonas.keller"] == (None, "several")
    assert found["amira.haddad"] == (None, "missing")
    assert [one["owner_id"] for one in said["strangers"]] == ["712", "713", "799"]
    assert await shell.rows(count) == [], "a dry run stores nothing"
    await shell.run("reps", "import", "--from", "portal")
    assert [row["owner_id"] for row in await shell.rows(count)] == ["711", "712", "713", "799"]


async def test_a_sync_reads_on_and_its_status_says_how_far(shell: Shell) -> None:
    for n in range(130):
        shell.portal.company(str(n + 1), name=f"Company {n}")
    code, said, _ = await shell.run("crm", "sync")
    assert code == 0
    read = {one["stream"]: one["read"] for one in said["streams"]}
    assert read == {"owners": 0, "accounts": 130, "changes": 0}
    code, said, _ = await shell.run("crm", "sync")
    assert {one["stream"]: one["read"] for one in said["streams"]}["accounts"] < 130
    code, said, _ = await shell.run("crm", "sync", "portal", "--full")
    assert {one["stream"]: one["read"] for one in said["streams"]}["accounts"] == 130
    code, said, _ = await shell.run("crm", "status")
    assert [one["stream"] for one in said["streams"]] == ["accounts", "changes", "owners"]
    assert all(one["read_until"] and not one["fault"] for one in said["streams"])


async def test_a_fault_is_one_line_and_a_failed_command(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = await shell.run("crm", "sync", "salesforce")
    assert (code, err) == (2, "which CRM? delivery.yaml has portal\n")
    monkeypatch.setenv("HANDRAISE_SECRET_CRM", "wrong")
    code, said, err = await shell.run("crm", "sync")
    assert code == 1
    assert "owners: token_refused" in err
    assert said["streams"][0]["fault"] == "token_refused"
    monkeypatch.delenv("HANDRAISE_SECRET_CRM")
    code, _, err = await shell.run("crm", "sync")
    assert (code, err) == (1, "HANDRAISE_SECRET_CRM is not set\n")


async def test_what_waits_for_a_sink_that_is_named_no_more_is_shown(shell: Shell) -> None:
    await shell.rows(
        "insert into delivery.deliveries (delivery_id, sink, lead_id, role, assignment_id,"
        " sequence, lane_rank, event) values (gen_random_uuid(), 'old', gen_random_uuid(), 'sdr',"
        " gen_random_uuid(), 1, 0, '') returning 1"
    )
    code, said, _ = await shell.run("deliver", "status")
    assert code == 0
    shown = {one["sink"]: (one["waiting"], one["stopped"]) for one in said["sinks"]}
    assert shown == {"old": (1, "delivery.yaml does not name it"), "portal": (0, None)}


@pytest.mark.parametrize("command", ["list", "retime"])
async def test_clocks_of_a_pool_or_tier_that_is_none_are_no_clocks(
    shell: Shell, command: str
) -> None:
    code, _, err = await shell.run("clocks", command, "--pool", "enterprise-emeaa")
    assert code == 2
    assert "there is no pool enterprise-emeaa; did you mean enterprise-emea?" in err
    code, _, err = await shell.run("clocks", "retime", "--tier", "hott")
    assert code == 2
