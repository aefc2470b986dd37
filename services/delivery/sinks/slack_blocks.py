"""What a message looks like in Slack. Pure.

Everything that a lead said is escaped: a form field can neither mention a channel nor hide a link
(docs.slack.dev, "Escaping text").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.delivery.brief import Brief
from services.delivery.sinks.base import Message

ACCEPT, PASS, REASSIGN = "handraise_accept", "handraise_pass", "handraise_reassign"
_MOST_HEADER = 150
_MOST_SECTION = 3_000

Block = dict[str, Any]


def escaped(text: str) -> str:
    """Text that Slack shows as it is: no mention, no link, no markup of a lead's own."""
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(raw, safe)
    return text


def blocks(message: Message, *, buttons: bool) -> list[Block]:
    """The brief, with what the rep can do."""
    found = [_header(message.brief.title), *_sections(message.brief)]
    elements = [_link(title, url) for title, url in message.links]
    if message.actions is not None:
        if buttons:
            elements += _buttons(message.actions.token)
        else:
            elements.append(_link("Accept or pass", message.actions.url))
    if elements:
        found.append({"type": "actions", "elements": elements[:25]})
    return found


def over(brief: Brief, sentence: str) -> list[Block]:
    """The same brief without buttons, and why there are none."""
    said = {"type": "mrkdwn", "text": escaped(sentence)[:_MOST_SECTION]}
    return [
        _header(brief.title),
        *_sections(brief),
        {"type": "context", "elements": [said]},
    ]


def _header(title: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": title[:_MOST_HEADER]}}


def _sections(brief: Brief) -> Sequence[Block]:
    return [
        {
            "type": "section",
            "text": {
                "type": "mrkdwn",
                "text": f"*{part.value}*\n{escaped(said)}"[:_MOST_SECTION],
                "verbatim": True,
            },
        }
        for part, said in brief.parts()
    ]


def _link(title: str, url: str) -> Block:
    return {"type": "button", "text": {"type": "plain_text", "text": title[:75]}, "url": url}


def _buttons(token: str) -> list[Block]:
    titles = ((ACCEPT, "Accept"), (PASS, "Pass"), (REASSIGN, "Reassign"))
    found: list[Block] = [
        {
            "type": "button",
            "action_id": action,
            "text": {"type": "plain_text", "text": title},
            "value": token,
        }
        for action, title in titles
    ]
    found[0]["style"] = "primary"
    return found
