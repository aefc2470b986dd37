"""Signatures that were published or computed elsewhere, and what is made of them."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import CannotSign, HookRequest, Verdict
from tests.support import hooks

NOW = 1_700_000_000.0
SECRET = b"lead-router-test-secret"
BODY = '{"email":"dana@northwind.example","n":1,"name":"Zoë"}'.encode()
HMAC_OF_BODY = "4e078c3fca197a2a3760cb83e12cb1ad0288e59d02128aba7df73089078b760e"


@pytest.mark.parametrize(
    ("name", "header", "value"),
    [
        ("typeform", "typeform-signature", "sha256=TgeMP8oZeio3YMuD4SyxrQKI5Z0CEoq6ffcwiQeLdg4="),
        ("calcom", "x-cal-signature-256", HMAC_OF_BODY),
        (
            "calendly",
            "calendly-webhook-signature",
            "t=1700000000,v1=6b1b9bd57e93b4c7ffd97f4cb8ad7f638ebd9bd290daff8268cd905702acc5e2",
        ),
        ("segment", "x-signature", "a7fbde9ef47163287c09f3f12f1a8334b08c36fe"),
    ],
)
def test_computed_vectors(name: str, header: str, value: str) -> None:
    adapter = ADAPTERS[name]
    assert hooks.signed(adapter, BODY, SECRET, NOW).headers[header] == value
    request = HookRequest("POST", "", {}, {header: value}, BODY)
    assert adapter.verify(request, [SECRET], NOW) is Verdict.VERIFIED
    assert adapter.verify(replace(request, body=BODY + b" "), [SECRET], NOW) is Verdict.MISMATCH


def test_calcom_may_write_the_name_of_the_digest_in_front() -> None:
    headers = {"x-cal-signature-256": f"sha256={HMAC_OF_BODY}"}
    request = HookRequest("POST", "", {}, headers, BODY)
    assert ADAPTERS["calcom"].verify(request, [SECRET], NOW) is Verdict.VERIFIED


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [(0, "verified"), (180, "verified"), (-180, "verified"), (181, "stale"), (-181, "stale")],
)
def test_calendly_replay_window_is_three_minutes_both_ways(seconds: int, verdict: str) -> None:
    request = hooks.signed(ADAPTERS["calendly"], BODY, SECRET, NOW)
    assert ADAPTERS["calendly"].verify(request, [SECRET], NOW + seconds) == verdict


@pytest.mark.parametrize("header", ["t=1,v1=", "v1=x", "t=,v1=00", ",", "t=1700000000", "t=x,v1=y"])
def test_calendly_headers_that_prove_nothing(header: str) -> None:
    request = HookRequest("POST", "", {}, {"calendly-webhook-signature": header}, BODY)
    assert ADAPTERS["calendly"].verify(request, [SECRET], NOW) is Verdict.MISMATCH


LONG = b"a secret of more than 64 bytes, as HS512 would have it: the longer the better"


@pytest.mark.parametrize(
    ("claims", "algorithm", "verdict"),
    [
        ({}, "HS256", "verified"),
        ({"iss": "somebody"}, "HS256", "mismatch"),
        ({"sha256": "00"}, "HS256", "mismatch"),
        ({"sha256": None}, "HS256", "mismatch"),
        ({"sha256": 7}, "HS256", "mismatch"),
        ({}, "HS512", "mismatch"),
        ({}, "none", "mismatch"),
        ({"exp": 1}, "HS256", "verified"),
    ],
)
def test_netlify_takes_its_issuer_one_algorithm_and_this_body(
    claims: dict[str, object], algorithm: str, verdict: str
) -> None:
    digest = sha256(BODY).hexdigest()
    key: Any = None if algorithm == "none" else LONG
    token = jwt.encode({"iss": "netlify", "sha256": digest, **claims}, key, algorithm=algorithm)
    request = HookRequest("POST", "", {}, {"x-webhook-signature": token}, BODY)
    assert ADAPTERS["netlify"].verify(request, [LONG], NOW) == verdict


@pytest.mark.parametrize(
    ("headers", "query", "verdict"),
    [
        ({"authorization": "Bearer lead-router-test-secret"}, {}, "verified"),
        ({"authorization": "bearer lead-router-test-secret"}, {}, "verified"),
        ({}, {"access_token": "lead-router-test-secret"}, "verified"),
        ({"authorization": "Basic lead-router-test-secret"}, {}, "mismatch"),
        ({"authorization": "Bearer other"}, {"access_token": "other"}, "mismatch"),
        ({}, {"access_token": "\ud800"}, "mismatch"),
        ({}, {"access_token": ""}, "unsigned"),
    ],
)
def test_cloudevents_are_proven_by_a_token(
    headers: dict[str, str], query: dict[str, str], verdict: str
) -> None:
    request = HookRequest("POST", "", query, headers, BODY)
    assert ADAPTERS["cloudevents"].verify(request, [SECRET], NOW) == verdict


# -- Standard Webhooks ---------------------------------------------------------------------------
SEED = b64decode("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
PUBLIC = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
WHSK, WHPK = b"whsk_" + b64encode(SEED), b"whpk_" + b64encode(PUBLIC)
PAIR = b"whsk_" + b64encode(SEED + PUBLIC)
STANDARD = ADAPTERS["standard_webhooks"]


@pytest.mark.parametrize("private", [WHSK, PAIR])
def test_a_public_key_proves_what_its_private_key_signed(private: bytes) -> None:
    request = hooks.signed(STANDARD, BODY, private, NOW)
    assert request.headers["webhook-signature"].startswith("v1a,")
    for secrets in ([WHPK], [private], [b"whsec_MDEyMzQ1Njc4OWFiY2RlZg==", WHPK]):
        assert STANDARD.verify(request, secrets, NOW) is Verdict.VERIFIED
    assert STANDARD.verify(request, [WHPK], NOW + 301) is Verdict.STALE
    changed = replace(request, body=BODY + b" ")
    assert STANDARD.verify(changed, [WHPK], NOW) is Verdict.MISMATCH


def test_a_public_key_is_never_the_key_of_an_hmac() -> None:
    for text in (b64encode(PUBLIC), PUBLIC, b"whsec_" + b64encode(PUBLIC)):
        forged = hooks.signed(STANDARD, BODY, text, NOW)
        assert STANDARD.verify(forged, [WHPK], NOW) is Verdict.MISMATCH


@pytest.mark.parametrize("secret", [b"whpk_", b"whpk_AAAA", b"whpk_!!", b"whsk_AAAA", b"whsk_"])
def test_half_a_key_proves_and_signs_nothing(secret: bytes) -> None:
    request = hooks.signed(STANDARD, BODY, WHSK, NOW)
    assert STANDARD.verify(request, [secret], NOW) is Verdict.MISMATCH
    with pytest.raises(CannotSign, match="whsk_"):
        hooks.signed(STANDARD, BODY, secret, NOW)


@pytest.mark.parametrize("header", ["v1a,", "v1a,!!", "v1a,AAAA", "v1,{good}", "v1a,ünï"])
def test_a_strange_v1a_signature_is_refused(header: str) -> None:
    request = hooks.signed(STANDARD, BODY, WHSK, NOW)
    good = request.headers["webhook-signature"].removeprefix("v1a,")
    headers = {**request.headers, "webhook-signature": header.replace("{good}", good)}
    verdict = STANDARD.verify(replace(request, headers=headers), [WHPK], NOW)
    assert verdict is Verdict.MISMATCH


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
