"""A demo request that nobody answers, up to the channel of the team: one story."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx

from tests.support.hours import always_at_work
from tests.support.up import Up, in_process, up
from tests.support.waiting import wait_until

WHO = "dana@acme.example"
IN_ORDER = (
    "demo_request",
    " assigned",
    "demo-slack, demo-webhook: delivered",
    "is reminded",
    "not touched in time; somebody else is asked for",
    " reassigned",
    "the manager is asked for",
    " escalated",
    "the team is told",
    "accept changes nothing",
)


def messages(running: Up) -> list[dict[str, Any]]:
    """What the stand-in of Slack has about her, the newest first."""
    url = f"{running.line['services']['demo-sinks']}/messages"
    found = httpx.get(url, params={"sink": "slack"}, timeout=10).json()
    return [one for one in found if WHO in json.dumps(one)]


def seconds(clock: str) -> int:
    """Since midnight; time zones are whole quarters of an hour apart."""
    hour, minute, second = map(int, clock.split(":"))
    return (hour * 60 + minute) * 60 + second


def test_a_demo_request_that_nobody_answers_is_one_story(tmp_path: Path) -> None:
    # Whatever the hour is here: everybody works, so that each hop finds somebody.
    config = always_at_work(tmp_path)
    options = ("--demo-sinks", "--clock-scale", "60", "--config", str(config))
    with up(tmp_path / "data", *options) as running:
        env = {"HANDRAISE_DATA": running.line["data"]}
        # A title that makes her hot: minutes count, and here they are seconds.
        lead = {"email": WHO, "job_title": "VP Sales", "first_name": "Dana", "company": "Acme"}
        assert running.post_lead(kind="demo_request", **lead).status_code == 200
        wait_until(lambda: messages(running), 60)
        first = messages(running)[-1]["token"]

        answer_by = re.search(r"Answer by (?:.*, )?(\S+) \S+\.", messages(running)[-1]["text"])
        assert answer_by, "the first message says by when"

        def story() -> dict[str, Any]:
            said: dict[str, Any] = json.loads(in_process("explain", WHO, "--json", env=env).stdout)
            return said

        # Neither two reps nor the manager answered: the channel of the team hears of it.
        wait_until(lambda: any(one["to"] == "#leads" for one in messages(running)), 120)
        wait_until(lambda: "the team is told" in in_process("explain", WHO, env=env).stdout, 60)
        door = f"{running.line['services']['delivery']}/v1/act/{first}"
        late = httpx.post(door, data={"action": "accept"}, timeout=10)
        assert late.status_code == 409
        told = story()
        started = next(one["text"] for one in told["response"] if one["what"] == "started")
        breach = re.search(r"breach \S+ (\S+) UTC", started)
        assert breach
        assert abs(seconds(answer_by[1]) - seconds(breach[1])) % 900 in (0, 1, 899)
        [answer] = told["late_answers"]
        owner = answer["text"].partition("changes nothing, ")[2].removesuffix(" has it by now.")
        assert f"{owner} has it now." in late.text
        began = [one["at"] for one in told["decisions"]]
        assert began == sorted(began)
        assert max(began) <= max(one["at"] for one in told["response"]), "real time, told once"
        owners = [one["rep_id"] for one in told["decisions"] if one["rep_id"]]
        assert len(set(owners)) >= 3, "each hop went to somebody else"
        text = in_process("explain", WHO, env=env).stdout
        at = 0
        for part in IN_ORDER:
            assert part in text[at:], f"{part!r} is not where it belongs in:\n{text}"
            at = text.index(part, at)
