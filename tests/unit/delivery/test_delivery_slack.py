"""Slack: what a lead says mentions nobody; what is not Slack presses no button."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from services.delivery.brief import brief
from services.delivery.model import Delivery
from services.delivery.sinks import slack_blocks
from services.delivery.sinks.base import Actions, Message
from services.delivery.slack_actions import Pressed, is_slack, pressed
from tests.support.changes import changed

SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
"""Of the published example (docs.slack.dev, "Verifying requests from Slack")."""
NOW = 1531420618.0


def message(**lead: object) -> Message:
    event = changed(lead=dict(lead))
    told = brief(event, colleagues=(), now=event.decided_at)
    delivery = Delivery(event.assignment_id, "slack", event, 1, event.decided_at)
    actions = Actions("the-token", "https://x.example/v1/act/the-token")
    return Message(delivery, told, (("CRM", "https://crm.example/1"),), actions, None)


@pytest.mark.parametrize("text", ["<!channel> hi", "<@U0X>", "<https://x.example|y>", "&lt;"])
def test_what_a_lead_says_is_shown_as_it_is(text: str) -> None:
    blocks = slack_blocks.blocks(message(message=text, company=text), buttons=True)
    marked = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    assert all("<" not in one for one in marked)
    assert any("&lt;" in one or "&amp;" in one for one in marked)
    assert blocks[0]["text"]["type"] == "plain_text", "the title is never read as markup"


def test_buttons_hold_the_token_and_a_webhook_has_links_only() -> None:
    with_buttons = slack_blocks.blocks(message(), buttons=True)[-1]["elements"]
    assert [one.get("value") for one in with_buttons] == [None, *["the-token"] * 3]
    links = slack_blocks.blocks(message(), buttons=False)[-1]["elements"]
    assert [one["url"] for one in links] == [
        "https://crm.example/1",
        "https://x.example/v1/act/the-token",
    ]


def test_long_texts_keep_to_the_limits_of_slack() -> None:
    blocks = slack_blocks.blocks(message(message="&" * 9_000, company="x" * 500), buttons=True)
    assert len(blocks[0]["text"]["text"]) <= 150
    assert all(len(b["text"]["text"]) <= 3_000 for b in blocks if b["type"] == "section")


def signed(body: bytes, secret: bytes = SECRET, at: float = NOW) -> tuple[str, str]:
    stamp = str(int(at))
    content = b"v0:" + stamp.encode() + b":" + body
    return stamp, "v0=" + hmac.digest(secret, content, sha256).hex()


def test_the_published_example_is_slack() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    proof = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert is_slack(body, "1531420618", proof, [b"another", SECRET], NOW + 299)


@pytest.mark.parametrize(
    ("secret", "at", "now"),
    [(b"another", NOW, NOW), (SECRET, NOW, NOW + 301), (SECRET, NOW + 301, NOW)],
    ids=["secret", "old", "of the future"],
)
def test_what_is_not_slack_is_refused(secret: bytes, at: float, now: float) -> None:
    stamp, proof = signed(b"payload=x", secret, at)
    assert not is_slack(b"payload=x", stamp, proof, [SECRET], now)
    assert not is_slack(b"payload=x", "", "", [SECRET], now)
    assert not is_slack(b"payload=x", stamp, proof, [], now)


def press(action: str = "handraise_accept", **more: object) -> bytes:
    payload = {
        "type": "block_actions",
        "actions": [{"action_id": action, "value": "the-token"}],
        "response_url": "https://hooks.slack.com/actions/1",
        **more,
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


def test_a_button_is_read() -> None:
    assert pressed(press()) == Pressed("accept", "the-token", "https://hooks.slack.com/actions/1")
    assert pressed(press("handraise_pass")) is not None
    address = "https://hooks.slack.com/actions/1"
    by_mara = pressed(press(user={"id": "U0MARA", "name": "mara"}))
    assert by_mara == Pressed("accept", "the-token", address, "U0MARA")


@pytest.mark.parametrize(
    "body",
    [b"", b"payload=", b"payload=[]", b"\xff", b"payload={}", press("other"), press(type="view")],
)
def test_anything_else_is_no_button(body: bytes) -> None:
    assert pressed(body) is None
