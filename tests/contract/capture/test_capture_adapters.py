"""Laws that every adapter keeps, whatever it is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import (
    Adapter,
    Delivered,
    HookRequest,
    Ignored,
    SourceView,
    Unparsable,
    Verdict,
)
from tests.contract.capture.test_capture_source_examples import AT, SECRET, examples
from tests.support import hooks

PROVES_THE_CALLER = {
    "api", "cloudevents", "dialler", "generic", "google_ads", "jotform", "salesforce_activities",
    "visitor_id",
}  # fmt: skip
"""A token proves who calls, and not what is said."""
FIRST = {path.parts[-3]: path.read_bytes() for path in reversed(examples("good"))}
"""One good body of each adapter."""

adapters = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=list(ADAPTERS))


def signed(adapter: Adapter, body: bytes | None = None) -> HookRequest:
    return hooks.signed(adapter, FIRST[adapter.name] if body is None else body, SECRET, AT)


def proofs(adapter: Adapter, request: HookRequest) -> list[str]:
    """The headers without which a request proves nothing."""
    found = []
    for name in request.headers:
        headers = {n: value for n, value in request.headers.items() if n != name}
        if adapter.verify(replace(request, headers=headers), [SECRET], AT) is not Verdict.VERIFIED:
            found.append(name)
    return found


@adapters
@given(noise=st.text(max_size=200))
def test_a_strange_proof_is_refused_and_never_raises(adapter: Adapter, noise: str) -> None:
    request = signed(adapter)
    for name in proofs(adapter, request):
        changed = replace(request, headers={**request.headers, name: noise})
        assert adapter.verify(changed, [SECRET], AT) is not Verdict.VERIFIED


@adapters
def test_a_changed_byte_of_a_signed_body_is_noticed(adapter: Adapter) -> None:
    request = signed(adapter)
    changed = replace(request, body=request.body + b" ")
    verdict = adapter.verify(changed, [SECRET], AT)
    proves_the_caller = adapter.name in PROVES_THE_CALLER
    assert verdict is (Verdict.VERIFIED if proves_the_caller else Verdict.MISMATCH)


@adapters
def test_another_body_is_another_delivery(adapter: Adapter) -> None:
    body = b'{"neither": "an id", "nor": "an event"}'
    keys = {
        adapter.split(hooks.signed(adapter, text, SECRET, AT))[0].delivery_key
        for text in (body, body.replace(b"neither", b"no"), FIRST[adapter.name])
    }
    assert len(keys) == 3


@adapters
@given(body=st.binary(max_size=300))
def test_any_bytes_are_split_and_have_a_storable_key(adapter: Adapter, body: bytes) -> None:
    for item in adapter.split(signed(adapter, body)):
        assert item.delivery_key.isprintable()
        assert 0 < len(item.delivery_key) <= 200


@adapters
@given(body=st.binary(max_size=300))
def test_bytes_that_mean_nothing_are_unparsable(adapter: Adapter, body: bytes) -> None:
    with pytest.raises((Unparsable, Ignored)):
        adapter.to_lead(Delivered(b"\xff" + body), SourceView())


@adapters
def test_a_challenge_of_another_vendor_is_not_answered(adapter: Adapter) -> None:
    request = HookRequest("GET", "https://h.example/", {"hub.challenge": "1"}, {}, b"")
    assert adapter.handshake(request, [SECRET]) is None


@adapters
def test_a_refusal_never_tells_the_sender_to_give_up_for_good(adapter: Adapter) -> None:
    assert adapter.acknowledgement.refused in (401, 429)
    assert adapter.acknowledgement.busy in (503, 429)


@adapters
def test_no_credential_is_kept_with_the_bytes(adapter: Adapter) -> None:
    assert not adapter.kept_headers & {"authorization", "cookie", "x-api-key"}
