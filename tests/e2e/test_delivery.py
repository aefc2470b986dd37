"""``up --demo-sinks``: a demo request is told to the rep, whose answer comes back."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
from collections.abc import Iterator
from itertools import product
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from schemas.topics import ASSIGNMENTS_CURRENT
from services.runtime.settings import KafkaSettings
from tests.support.hours import always_at_work
from tests.support.stages import contents
from tests.support.up import Up, in_process, up
from tests.support.waiting import PATIENCE, wait_until


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("delivery")
    with up(folder / "data", "--demo-sinks", "--config", str(always_at_work(folder))) as started:
        yield started


def messages(running: Up, sink: str, about: str) -> list[dict[str, Any]]:
    """What a stand-in received about a person, the newest first."""
    url = f"{running.line['services']['demo-sinks']}/messages"
    found = httpx.get(url, params={"sink": sink}, timeout=10).json()
    return [one for one in found if about in json.dumps(one)]


def submit(running: Up, email: str) -> None:
    answer = httpx.post(
        f"{running.line['http']}/v1/leads",
        json={"kind": "demo_request", "email": email, "message": "<!channel> call me"},
        headers={"authorization": f"Bearer {running.line['api_key']}"},
        timeout=10,
    )
    assert answer.status_code == 200


def command(running: Up, *arguments: str) -> subprocess.CompletedProcess[str]:
    return in_process(*arguments, env={"HANDRAISE_DATA": running.line["data"]})


def test_every_sink_is_told_and_a_pass_in_slack_gives_the_lead_to_another(running: Up) -> None:
    submit(running, "dana@acme.example")
    for sink in ("slack", "email", "webhook"):
        wait_until(lambda sink=sink: messages(running, sink, "dana@acme.example"), 30)  # type: ignore[misc]
    [first] = messages(running, "slack", "dana@acme.example")
    assert "&lt;!channel&gt;" in first["text"]
    press = {"action": "handraise_pass", "token": first["token"]}
    sinks = running.line["services"]["demo-sinks"]
    httpx.post(f"{sinks}/slack/press", data=press, timeout=10)
    wait_until(lambda: len(messages(running, "slack", "dana@acme.example")) == 2, 30)
    second, changed = messages(running, "slack", "dana@acme.example")
    wait_until(lambda: messages(running, "slack", "dana@acme.example")[1]["changes"] == 1, 30)
    assert second["to"] != changed["to"]
    late = httpx.get(f"{running.line['services']['delivery']}/v1/act/{first['token']}", timeout=10)
    assert late.status_code == 409
    accept = httpx.post(
        f"{running.line['services']['delivery']}/v1/act/{second['token']}",
        data={"action": "accept"},
        timeout=10,
    )
    assert "It is yours" in accept.text
    page = httpx.get(sinks, timeout=10).text
    assert "What was delivered" in page
    assert "<!channel>" not in page


CRMS = ("demo-hubspot", "demo-salesforce")
OWNER = {"hubspot": "hubspot_owner_id", "salesforce": "OwnerId"}


@pytest.mark.parametrize(("crm", "other"), [("hubspot", "salesforce"), ("salesforce", "hubspot")])
def test_an_owner_is_written_to_the_crms_and_a_person_s_change_in_one_comes_back(
    running: Up, crm: str, other: str
) -> None:
    who = f"lee@{crm}-owned.example"
    submit(running, who)
    for sink in OWNER:
        wait_until(lambda sink=sink: messages(running, sink, who), 60)  # type: ignore[misc]
    wait_until(lambda: messages(running, "slack", who), 60)
    [slack] = messages(running, "slack", who)
    [there], [elsewhere] = messages(running, crm, who), messages(running, other, who)
    sinks = running.line["services"]["demo-sinks"]
    form = httpx.get(sinks, timeout=10).text.partition(f'action="/{crm}/give"')[2]
    options = re.findall(r'<option value="(\w+)">', form.partition("</form>")[0])
    chosen = next(one for one in options if one != there["raw"][OWNER[crm]])
    httpx.post(f"{sinks}/{crm}/give", data={"email": who, "owner": chosen}, timeout=10)
    # Routing follows, whoever has the lead now is told of it, and so is the other CRM.
    wait_until(lambda: len(messages(running, "slack", who)) == 2, 60)
    told, before = messages(running, "slack", who)
    assert before["id"] == slack["id"]
    assert told["to"] != slack["to"]
    [there] = messages(running, crm, who)
    assert there["raw"][OWNER[crm]] == chosen, "a person's choice stays"
    now = wait_until(
        lambda: [one for one in messages(running, other, who) if one["to"] != elsewhere["to"]], 60
    )
    assert now[0]["to"] == there["to"]


def test_it_is_seen_how_far_the_crms_were_read(running: Up) -> None:
    status = json.loads(command(running, "crm", "status", "--json").stdout)
    streams = {(row["sink"], row["stream"]): row["fault"] for row in status["streams"]}
    assert streams == dict.fromkeys(product(CRMS, ("owners", "accounts", "changes")))
    shown = httpx.get(f"{running.line['services']['delivery']}/metrics", timeout=10).text
    for crm in OWNER:
        assert f'handraise_crm_read_age_seconds{{sink="demo-{crm}",stream="changes"}}' in shown


def attempts(running: Up, sink: str, email: str) -> list[dict[str, Any]]:
    """Of the lead with this address."""
    told = messages(running, "webhook", email)[0]["raw"]["data"]["lead_id"]
    done = command(running, "deliver", "log", "--sink", sink, "--lead", told, "--json")
    return list(json.loads(done.stdout)["attempts"])


def test_an_operator_sees_pauses_and_tries_sinks(running: Up) -> None:
    done = command(running, "deliver", "test", "demo-webhook", "--json")
    assert json.loads(done.stdout)["outcome"] == "delivered", done.stderr
    for crm in CRMS:
        # Whom a CRM does not know owns nothing there; a rep whom it knows by the address does.
        refused = command(running, "deliver", "test", crm)
        assert (refused.returncode, "refused no_" in refused.stderr) == (1, True)
        taken = command(running, "deliver", "test", crm, "--to", "lena.vogt@example.com")
        assert taken.returncode == 0, taken.stderr
    assert command(running, "deliver", "pause", "demo-email").returncode == 0
    submit(running, "paused@acme.example")
    wait_until(lambda: messages(running, "webhook", "paused@acme.example"), 30)
    rows = json.loads(command(running, "deliver", "status", "--json").stdout)["sinks"]
    by_sink = {row["sink"]: row for row in rows}
    assert by_sink["demo-email"]["waiting"] == 1
    assert by_sink["demo-email"]["stopped"].startswith("paused by")
    assert messages(running, "email", "paused@acme.example") == []
    assert command(running, "deliver", "resume", "demo-email").returncode == 0
    wait_until(lambda: messages(running, "email", "paused@acme.example"), 30)
    [mail] = wait_until(lambda: attempts(running, "demo-email", "paused@acme.example"), 30)
    assert (mail["sink"], mail["number"], mail["outcome"]) == ("demo-email", 1, "delivered")
    assert "delivered" in command(running, "deliver", "log", "--lead", mail["lead_id"]).stdout
    unknown = command(running, "deliver", "pause", "nowhere")
    assert unknown.returncode == 2
    assert "there is no sink 'nowhere'" in unknown.stderr


FORGOTTEN = {"email": "Ida.Quellnebel@mill-and-loom.example", "last_name": "Quellnebel"}
GONE = "lead.erased"
POOLS = ("sdr-follow-the-sun", "enterprise-emea")
NAMED = ("quellnebel", "1701234567")


async def _named(running: Up) -> set[str]:
    """Tables, compacted topics included, in which anything names her."""
    found = set()
    conn = await asyncpg.connect(running.line["postgres"])
    try:
        tables = await conn.fetch(
            "select format('%I.%I', table_schema, table_name) from information_schema.tables"
            " where table_type = 'BASE TABLE'"
            " and table_schema not in ('pg_catalog', 'information_schema')"
        )
        for (table,) in tables:
            for (row,) in await conn.fetch(f"select to_jsonb(t)::text from {table} t"):
                bytes_too = re.sub(
                    r"\\\\x([0-9a-f]+)", lambda hexed: _text(bytes.fromhex(hexed[1])), row
                )
                found |= {table for name in NAMED if name in bytes_too.lower()}
    finally:
        await conn.close()
    latest = {one.key: one for one in await _records(running, ASSIGNMENTS_CURRENT.name)}
    kept = "".join(_text(one.value or b"") for one in latest.values()).lower()
    return found | {ASSIGNMENTS_CURRENT.name for name in NAMED if name in kept}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


async def _records(running: Up, *topics: str) -> list[ConsumerRecord]:
    return await contents(KafkaSettings(bootstrap_servers=running.line["kafka"]), *topics)


async def _again(running: Up, *topics: str) -> int:
    """Everything about her on these topics is put there again, as records of other ids."""
    producer = AIOKafkaProducer(bootstrap_servers=running.line["kafka"])
    await producer.start()
    try:
        hers = [one for one in await _records(running, *topics) if _about_her(one)]
        for one in hers:
            headers = [(n, v) for n, v in one.headers if n != "ce_id"]
            headers.append(("ce_id", str(uuid4()).encode()))
            await producer.send_and_wait(one.topic, one.value, key=one.key, headers=headers)
        return len(hers)
    finally:
        await producer.stop()


def _about_her(record: ConsumerRecord) -> bool:
    return b"uellnebel" in b64decoded(record.value or b"")


def b64decoded(value: bytes) -> bytes:
    """A record with the body that a submission carries."""
    try:
        body = json.loads(value).get("body") or ""
    except ValueError:
        return value
    return value + base64.urlsafe_b64decode(body)


def _standings(running: Up) -> list[Any]:
    told = [command(running, "fairness", pool, "--json").stdout for pool in POOLS]
    return [(one["members"], one["accounts"]) for one in map(json.loads, told)]


def test_a_forgotten_person_is_nowhere_and_comes_back_only_by_themselves(running: Up) -> None:
    who = FORGOTTEN["email"].lower()
    sent = running.post_lead(
        kind="demo_request", first_name="Ida", phone="+491701234567", country="DE",
        company="Mill and Loom", message="Ida Quellnebel asks for a call", **FORGOTTEN,
    )  # fmt: skip
    assert sent.status_code == 200
    for sink in ("slack", "email", "webhook", *OWNER):
        wait_until(lambda sink=sink: messages(running, sink, who), 60)  # type: ignore[misc]
    counted = json.loads(command(running, "erase", who, "--dry-run", "--json").stdout)
    assert all(service["rows"] for service in counted["services"].values())
    assert asyncio.run(_named(running)), "there is something to forget"
    before = _standings(running)

    asked = command(running, "erase", who, "--json", "--wait", str(60 * PATIENCE))
    assert asked.returncode == 0, asked.stderr
    told = json.loads(asked.stdout)
    assert all(service["answered_at"] for service in told["services"].values())
    # Who was told of her hears of it: Slack's message is replaced, a webhook gets an event.
    lead = told["leads"][0]
    wait_until(lambda: not messages(running, "slack", who), 60)
    wait_until(lambda: [o for o in messages(running, "webhook", lead) if o["title"] == GONE], 60)
    # The spool hears of the end of each submission a moment later.
    wait_until(lambda: asyncio.run(_named(running)) == set(), 30)

    again = json.loads(command(running, "erase", who, "--json").stdout)
    assert again["erased_at"] == told["erased_at"], "asked again it only says who answered"
    stranger = command(running, "erase", "nobody@mill-and-loom.example")
    assert (stranger.returncode, stranger.stderr.count("\n")) == (1, 1)

    # Replayed from the beginning, whatever id it comes under.
    way = ("submissions.v1", "leads.captured.v1", "leads.enriched.v1")
    put_back = asyncio.run(_again(running, *way, "leads.scored.v1", "assignments.v1"))
    assert put_back >= 5

    def ended() -> bool:
        dead = json.loads(command(running, "dlq", "list", "--reason", "erased", "--json").stdout)
        # Of a submission its delivery is known: it is a retry, and says nothing new.
        return len({one["origin_topic"] for one in dead["dead_letters"]}) == 3

    wait_until(ended, 60, "each stage ended what came back")
    assert asyncio.run(_named(running)) == set()
    recomputed = json.loads(command(running, "recompute", "--json").stdout)
    assert recomputed["different"] == 0
    assert _standings(running) == before
    findings = json.loads(command(running, "doctor", "--json").stdout)["findings"]
    services = {one["check"]: one["state"] for one in findings if one["check"] in told["services"]}
    assert set(services.values()) == {"ok"}

    # What the person hands in now is a new hand-raise of the same lead.
    messages_before = len(messages(running, "webhook", who))
    assert running.post_lead(kind="demo_request", **FORGOTTEN).status_code == 200
    wait_until(lambda: len(messages(running, "webhook", who)) > messages_before, 60)
    story = json.loads(command(running, "explain", who, "--json").stdout)
    assert story["lead_id"] == lead
    assert len(story["touches"]) == 1
