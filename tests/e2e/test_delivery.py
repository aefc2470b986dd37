"""``up --demo-sinks``: a demo request is told to the rep, whose answer comes back."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from itertools import product
from typing import Any

import httpx
import pytest

from tests.support.hours import always_at_work
from tests.support.up import Up, in_process, up
from tests.support.waiting import wait_until


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


def test_an_operator_sees_pauses_and_tries_sinks(running: Up) -> None:
    done = command(running, "deliver", "test", "demo-webhook", "--json")
    assert json.loads(done.stdout)["outcome"] == "delivered", done.stderr
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
    unknown = command(running, "deliver", "pause", "nowhere")
    assert unknown.returncode == 2
    assert "there is no sink 'nowhere'" in unknown.stderr
