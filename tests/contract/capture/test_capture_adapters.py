"""One contract for all adapters: proof, split, delivery key, to-lead, acknowledgement."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import KindName
from schemas.submission import KeyKind
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
from services.capture.leadform import LeadForm
from tests.support import hooks

NOW = 1_700_000_000.0
SECRET = b"lead-router-test-secret"
BODY = '{"email":"dana@northwind.example","n":1,"name":"Zoë"}'.encode()


@dataclass(frozen=True)
class Sample:
    """What a sender really sends, and who it is about."""

    body: bytes
    source: SourceView = field(default_factory=SourceView)


SAMPLES = {
    "api": Sample(b'{"email":"dana@northwind.example","kind":"demo_request"}'),
    "standard_webhooks": Sample(
        b'{"type":"lead.created","timestamp":"2026-11-23T09:00:00Z",'
        b'"data":{"email":"dana@northwind.example","kind":"demo_request"}}'
    ),
    "typeform": Sample(
        json.dumps(
            {
                "event_id": "01JTYP0000EVT",
                "event_type": "form_response",
                "form_response": {
                    "form_id": "aB3dEf",
                    "token": "tok_91f",
                    "submitted_at": "2026-11-20T10:02:30Z",
                    "answers": [
                        {
                            "type": "email",
                            "email": "dana@northwind.example",
                            "field": {"id": "f1", "type": "email", "ref": "work_email"},
                        }
                    ],
                },
            }
        ).encode(),
        SourceView({"work_email": "email"}, KindName.DEMO_REQUEST),
    ),
}

adapters = pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=list(ADAPTERS))


def signed(adapter: Adapter, body: bytes, secret: bytes = SECRET, at: float = NOW) -> HookRequest:
    return hooks.signed(adapter, body, secret, at)


def test_every_adapter_has_a_sample() -> None:
    assert set(SAMPLES) == set(ADAPTERS)


@adapters
def test_what_it_signs_it_verifies(adapter: Adapter) -> None:
    request = signed(adapter, BODY)
    assert adapter.verify(request, [SECRET], NOW) is Verdict.VERIFIED


@adapters
def test_any_live_secret_will_do_while_one_is_changed(adapter: Adapter) -> None:
    request = signed(adapter, BODY, b"the-secret-before")
    assert adapter.verify(request, [SECRET, b"the-secret-before"], NOW) is Verdict.VERIFIED
    assert adapter.verify(request, [SECRET], NOW) is Verdict.MISMATCH


@adapters
def test_nothing_is_verified_without_headers_or_without_secrets(adapter: Adapter) -> None:
    bare = HookRequest("POST", "https://h.example/", {}, {}, BODY)
    assert adapter.verify(bare, [SECRET], NOW) is Verdict.UNSIGNED
    assert adapter.verify(signed(adapter, BODY), [], NOW) is not Verdict.VERIFIED


@adapters
@given(noise=st.text(max_size=200))
def test_a_strange_proof_is_refused_and_never_raises(adapter: Adapter, noise: str) -> None:
    request = signed(adapter, BODY)
    for name in request.headers:
        headers = {**request.headers, name: noise}
        if headers == request.headers or name == "content-type":
            continue
        verdict = adapter.verify(replace(request, headers=headers), [SECRET], NOW)
        assert verdict is not Verdict.VERIFIED


@adapters
def test_a_changed_byte_of_a_signed_body_is_noticed(adapter: Adapter) -> None:
    if adapter.name == "api":
        return  # a bearer token proves the caller, not the body
    request = replace(signed(adapter, BODY), body=BODY.replace(b"1", b"2"))
    assert adapter.verify(request, [SECRET], NOW) is Verdict.MISMATCH


@adapters
def test_no_challenge_is_answered_that_was_not_asked(adapter: Adapter) -> None:
    request = HookRequest("GET", "https://h.example/", {"hub.challenge": "1"}, {}, b"")
    assert adapter.handshake(request, [SECRET]) is None


@adapters
def test_a_retry_has_the_same_delivery_key_and_another_delivery_another(adapter: Adapter) -> None:
    body = SAMPLES[adapter.name].body
    [first], [again] = (adapter.split(signed(adapter, body)) for _ in range(2))
    assert first == again
    assert first.body == body
    other = body.replace(b"01JTYP0000EVT", b"01JTYP0001EVT").replace(b"dana", b"erin")
    assert adapter.split(signed(adapter, other))[0].delivery_key != first.delivery_key


@adapters
@given(body=st.binary(max_size=300))
def test_any_bytes_are_split_and_have_a_storable_key(adapter: Adapter, body: bytes) -> None:
    [item] = adapter.split(signed(adapter, body))
    assert item.body == body
    assert item.delivery_key.isprintable()
    assert 0 < len(item.delivery_key) <= 200


@adapters
@given(body=st.binary(max_size=300))
def test_bytes_that_mean_nothing_are_unparsable(adapter: Adapter, body: bytes) -> None:
    with pytest.raises((Unparsable, Ignored)):
        adapter.to_lead(Delivered(b"\xff" + body), SourceView())


@adapters
def test_the_person_is_read(adapter: Adapter) -> None:
    sample = SAMPLES[adapter.name]
    form = adapter.to_lead(Delivered(sample.body), sample.source)
    assert isinstance(form, LeadForm)
    assert form.email == "dana@northwind.example"


@adapters
def test_a_refusal_never_tells_the_sender_to_give_up_for_good(adapter: Adapter) -> None:
    assert adapter.acknowledgement.refused in (401, 429)
    assert adapter.acknowledgement.busy in (503, 429)


@adapters
def test_no_credential_is_kept_with_the_bytes(adapter: Adapter) -> None:
    assert not adapter.kept_headers & {"authorization", "cookie", "x-api-key"}


# -- vectors -------------------------------------------------------------------------------------
def test_typeform_vector() -> None:
    headers = signed(ADAPTERS["typeform"], BODY).headers
    assert headers["typeform-signature"] == "sha256=TgeMP8oZeio3YMuD4SyxrQKI5Z0CEoq6ffcwiQeLdg4="


def standard(message_id: str, stamp: str, signature: str, body: bytes) -> HookRequest:
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": signature,
    }
    return HookRequest("POST", "", {}, headers, body)


PUBLISHED = standard(
    "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "1614265330",
    "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    b'{"test": 2432232314}',
)
PUBLISHED_SECRET = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_standard_webhooks_published_vector() -> None:
    adapter = ADAPTERS["standard_webhooks"]
    assert adapter.verify(PUBLISHED, [PUBLISHED_SECRET], 1614265330) is Verdict.VERIFIED


def test_standard_webhooks_computed_vector() -> None:
    request = standard(
        "msg_0001", "1700000000", "v1,Jc/mBym1sBsc6r5kyVZFR1ifyghYKNF/oCv0KuiDiJk=", BODY
    )
    secret = b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    assert ADAPTERS["standard_webhooks"].verify(request, [secret], NOW) is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, "verified"), (300, "verified"), (-300, "verified"), (301, "stale"), (-301, "stale")],
)
def test_standard_webhooks_replay_window_is_five_minutes_both_ways(
    seconds: int, verdict: str
) -> None:
    now = 1614265330 + seconds
    assert ADAPTERS["standard_webhooks"].verify(PUBLISHED, [PUBLISHED_SECRET], now) == verdict


@pytest.mark.parametrize(
    "header",
    [
        "v1a,aaaa {good}",
        "{good} v1,wrong",
        "nocomma {good}",
        "v2,{good} {good}",
        "v1,ünïcode {good}",
    ],
)
def test_standard_webhooks_takes_any_signature_and_skips_other_versions(header: str) -> None:
    good = PUBLISHED.headers["webhook-signature"]
    headers = {**PUBLISHED.headers, "webhook-signature": header.replace("{good}", good)}
    request = replace(PUBLISHED, headers=headers)
    adapter = ADAPTERS["standard_webhooks"]
    assert adapter.verify(request, [PUBLISHED_SECRET], 1614265330) is Verdict.VERIFIED


@pytest.mark.parametrize("secret", [b"whsec_", b"whsec_!!", b"whsec_MfK"])
def test_standard_webhooks_secret_that_cannot_be_decoded_proves_nothing(secret: bytes) -> None:
    adapter = ADAPTERS["standard_webhooks"]
    assert adapter.verify(PUBLISHED, [secret], 1614265330) is Verdict.MISMATCH


def test_keys_name_what_they_are_made_of() -> None:
    kinds = {
        name: adapter.split(signed(adapter, SAMPLES[name].body))[0].key_kind
        for name, adapter in ADAPTERS.items()
    }
    assert kinds == {
        "api": KeyKind.BODY_HASH,
        "standard_webhooks": KeyKind.VENDOR_ID,
        "typeform": KeyKind.VENDOR_ID,
    }
