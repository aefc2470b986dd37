"""Slack: an app that posts and changes messages, or an incoming webhook.

An app answers 200 with ``{"ok": false, "error": …}`` for what it refuses (docs.slack.dev, Web API);
an incoming webhook answers with a status and a word. What ends a sink for good, by either, is in
``_GONE``.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import to_json

from services.delivery.config import SlackSink
from services.delivery.model import Again, Delivered, Disabled, Outcome, Refused, Skipped
from services.delivery.sinkconfig import TELLS_A_REP
from services.delivery.sinks import slack_blocks
from services.delivery.sinks.base import Message
from services.runtime.outside import Answer, Outside

_GONE: Final = frozenset(
    {
        "account_inactive", "invalid_auth", "invalid_token", "no_service", "no_team",
        "not_authed", "token_expired", "token_revoked",
    }
)  # fmt: skip
_PASSES: Final = frozenset(
    {"fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable"}
)


class SlackApp:
    """Posts with buttons, and changes the message when the attempt is over."""

    def __init__(self, config: SlackSink, token: str, outside: Outside) -> None:
        self._headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json; charset=utf-8",
        }
        self._config = config
        self._base_url = config.base_url.rstrip("/")
        self._outside = outside

    async def send(self, message: Message) -> Outcome:
        """See :class:`~services.delivery.sinks.base.Sink`."""
        event, touch = message.delivery.event, message.delivery.touch
        if touch is None and event.status not in TELLS_A_REP:
            return await self._change(message)
        channel = self._config.channel_for(event, touch)
        if channel is None:
            return Refused("no_slack_id")
        posted = await self._post(channel, message)
        if touch is not None and isinstance(posted, Delivered):
            # The message that changes when the attempt is over stays the first one.
            return Delivered(ref=posted.place)
        return posted

    async def _post(self, channel: str, message: Message) -> Outcome:
        return await self._call(
            "chat.postMessage",
            {
                "channel": channel,
                "text": slack_blocks.escaped(message.brief.title),
                "blocks": slack_blocks.blocks(message, buttons=True),
                "unfurl_links": False,
            },
        )

    async def _change(self, message: Message) -> Outcome:
        if message.place is None:
            return Skipped("no_message")
        channel, _, stamp = message.place.partition(" ")
        sentence = message.delivery.event.reason
        return await self._call(
            "chat.update",
            {
                "channel": channel,
                "ts": stamp,
                "text": slack_blocks.escaped(sentence),
                "blocks": slack_blocks.over(message.brief, sentence),
            },
        )

    async def _call(self, method: str, arguments: dict[str, Any]) -> Outcome:
        url = f"{self._base_url}/{method}"
        body = to_json(arguments)
        answer = await self._outside.request("POST", url, headers=self._headers, body=body)
        if answer.status != 200:
            return _failed(answer)
        said = answer.document
        if said.get("ok") is True:
            stamp, channel = str(said.get("ts", "")), str(said.get("channel", ""))
            return Delivered(ref=stamp, place=f"{channel} {stamp}")
        return _judged(str(said.get("error", "unreadable")), answer)


class SlackWebhook:
    """Posts to the one channel of an incoming webhook; its address is the secret."""

    def __init__(self, url: str, outside: Outside) -> None:
        self._url = url
        self._outside = outside

    async def send(self, message: Message) -> Outcome:
        """See :class:`~services.delivery.sinks.base.Sink`."""
        rep = message.delivery.event.rep
        owner = f" → {rep.name}" if rep is not None else ""
        text = slack_blocks.escaped(f"{message.brief.title}{owner}")
        body = to_json({"text": text, "blocks": slack_blocks.blocks(message, buttons=False)})
        headers = {"content-type": "application/json; charset=utf-8"}
        answer = await self._outside.request("POST", self._url, headers=headers, body=body)
        if answer.status == 200:
            return Delivered()
        word = answer.body.decode(errors="replace").strip()
        if answer.status in (403, 404, 410) or word in _GONE:
            return Disabled(word[:60] if word.isidentifier() else f"status_{answer.status}")
        return _failed(answer)


def _failed(answer: Answer) -> Outcome:
    if answer.status == 429 or answer.status >= 500:
        return Again(f"status_{answer.status}", answer.retry_after_s)
    return Refused(f"status_{answer.status}")


def _judged(error: str, answer: Answer) -> Outcome:
    code = error[:60] if error.isidentifier() else "unreadable"
    if code in _GONE:
        return Disabled(code)
    if code in _PASSES:
        return Again(code, answer.retry_after_s)
    return Refused(code)
