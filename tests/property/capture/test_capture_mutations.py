"""Real payloads with anything in place of any part: always a lead or a reason, never a crash."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.base import Lane, Motion
from schemas.lead import Lead
from schemas.submission import KeyKind
from services.capture import config, events
from services.capture.adapters.base import HookRequest, Item
from services.capture.interpret import interpret
from services.capture.normalize import Draft
from services.capture.people import tokens_of
from services.capture.screening import SetAside
from services.kernel.identity import account_key
from tests.support.forms import FORM, STANDARD_WEBHOOK, TYPEFORM

CONFIG = config.parse({p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")})
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PAYLOADS: dict[str, Any] = {"api": FORM, "website": STANDARD_WEBHOOK, "typeform_demo": TYPEFORM}

junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(["http://[", "//", "x" * 5_000, "+" * 70, "\u202e\u0000", "@", "a@b@c"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    match value:
        case dict():
            for name, member in value.items():
                found += places(member, (*path, name))
        case list():
            for number, member in enumerate(value):
                found += places(member, (*path, number))
    return found


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    match path, value:
        case (), _:
            return new
        case (name, *rest), dict():
            return {**value, name: put(value[name], tuple(rest), new)}
        case (number, *rest), list():
            return [put(v, tuple(rest), new) if n == number else v for n, v in enumerate(value)]
        case _:
            return value


@given(data=st.data(), source=st.sampled_from(sorted(PAYLOADS)))
@settings(max_examples=400, deadline=None)
def test_a_mutated_payload_is_a_lead_or_set_aside(data: st.DataObject, source: str) -> None:
    payload = PAYLOADS[source]
    for _ in range(data.draw(st.integers(1, 3))):
        payload = put(payload, data.draw(st.sampled_from(places(payload))), data.draw(junk))
    body = json.dumps(payload).encode()
    if data.draw(st.booleans()):
        cut = data.draw(st.integers(0, len(body)))
        body = body[:cut] + data.draw(st.binary(max_size=4)) + body[cut + 2 :]
    judge(source, body)


@given(body=st.binary(max_size=300), source=st.sampled_from(sorted(PAYLOADS)))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_set_aside(body: bytes, source: str) -> None:
    judge(source, body)


def judge(source: str, body: bytes) -> None:
    adapter = CONFIG.sources[source].adapter
    [item] = adapter.split(HookRequest("POST", "", {}, {}, body))
    event = events.received(
        source,
        Item(body, item.delivery_key, KeyKind.VENDOR_ID),
        headers={},
        lane=Lane.LIVE,
        motion=Motion.INBOUND,
        at=AT,
    )
    events.submission_output(event)
    match interpret(event, CONFIG):
        case Draft() as draft:
            tokens = tokens_of(draft.who, secret=b"s", source=source, delivery_key="k")
            lead = Lead(
                lead_id=tokens.all[0],
                account_key=account_key(draft.who.email, tokens.all[0]),
                **draft.values,
            )
            assert b"\\u0000" not in lead.encode()
            assert len(lead.encode()) < 600_000
            assert "\0" not in (draft.form_id or "")
        case SetAside() as aside:
            assert aside.reason in {"unparsable", "ignored_event", "test"}
