"""What keeps junk from the reps, and what it must never keep from them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import KindName, Lane, Motion
from schemas.submission import Disposition, KeyKind, SubmissionReceived
from services.capture import config, events
from services.capture.adapters.base import Item
from services.capture.interpret import interpret
from services.capture.normalize import Draft
from services.capture.screening import HOT, SetAside, Verdict, screen
from services.capture.screening_config import WEIGHTS, Rules, Sign
from services.capture.seen import Bursts, MailDomains, World
from services.capture.signs import NETWORK_HEADER, network_of
from services.kernel.identity import normalise_email

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CHANNELS = "channels: []\n"
CONFIG = """
own_domains: [handraise.example]
screening:
  competitor_domains: [rival.example]
  resolver: 127.0.0.1:53
sources:
  api: {adapter: api, kind: newsletter}
  demo: {adapter: api, kind: demo_request, secret: A}
  watched: {adapter: api, kind: newsletter, secret: A, screening: {observe_only: true}}
  loose: {adapter: api, kind: newsletter, secret: A, screening: {weights: {honeypot: 10}}}
  browser: {adapter: api, kind: newsletter, secret: A, screening: {network: request}}
  tool: {adapter: api, kind: newsletter, secret: A, screening: {network: fields.ip}}
"""


def parsed(text: str = CONFIG) -> config.CaptureConfig:
    return config.parse({"sources.yaml": text, "channels.yaml": CHANNELS})


PARSED = parsed()


def submission(
    source: str, headers: dict[str, str] | None = None, **form: Any
) -> SubmissionReceived:
    body = json.dumps({"email": "dana@northwind.example", **form}).encode()
    item = Item(body, str(uuid4()), KeyKind.VENDOR_ID)
    return events.received(
        source, item, headers=headers or {}, lane=Lane.LIVE, motion=Motion.INBOUND, at=AT
    )


def read(source: str = "api", *, world: World | None = None, **form: Any) -> Draft | SetAside:
    found = interpret(submission(source, **form), PARSED, world=world)
    assert isinstance(found, Draft | SetAside)
    return found


def signs(**form: Any) -> set[str]:
    return {reason for reason, _ in read(**form).marks}


def test_what_a_person_says_carries_no_sign() -> None:
    assert (
        signs(
            first_name="Dana",
            company="https://northwind.example",
            phone="+49 30 901820",
            message="See https://northwind.example/jobs and www.northwind.example",
            landed_at=(AT - timedelta(minutes=1)).isoformat(),
            fields={"honeypot": " "},
        )
        == set()
    )


@pytest.mark.parametrize(
    ("form", "sign"),
    [
        ({"email": "x@mailinator.com"}, Sign.DISPOSABLE_EMAIL),
        ({"fields": {"Honeypot": "on"}}, Sign.HONEYPOT),
        ({"fields": {"bot-field": "x"}}, Sign.HONEYPOT),
        ({"first_name": "Win http://a.example"}, Sign.LINK_SPAM),
        ({"last_name": "www.cheap.example"}, Sign.LINK_SPAM),
        ({"message": "http://a.ru https://b.ru http://c.ru"}, Sign.LINK_SPAM),
        ({"message": "[url=http://a.ru]buy[/url]"}, Sign.LINK_SPAM),
        ({"message": '<a href="x">buy</a>'}, Sign.LINK_SPAM),
        ({"phone": "+49 1"}, Sign.IMPOSSIBLE_PHONE),
        ({"phone": "0000000000"}, Sign.IMPOSSIBLE_PHONE),
        ({"phone": "call me"}, Sign.IMPOSSIBLE_PHONE),
        ({"landed_at": (AT - timedelta(seconds=1)).isoformat()}, Sign.TOO_FAST),
        (
            {
                "landed_at": (AT - timedelta(seconds=61)).isoformat(),
                "submitted_at": (AT - timedelta(seconds=60)).isoformat(),
            },
            Sign.TOO_FAST,
        ),
    ],
)
def test_each_sign(form: dict[str, Any], sign: Sign) -> None:
    assert signs(**form) == {sign}


@pytest.mark.parametrize(
    "form",
    [
        {"phone": "030 901820"},
        {"phone": "(212) 555-0123", "country": "US"},
        {"landed_at": (AT - timedelta(seconds=2)).isoformat()},
        {"landed_at": (AT + timedelta(seconds=30)).isoformat()},
        {"email": "x@mailinator.com.northwind.example"},
        {"fields": {"comment": "on"}},
    ],
)
def test_what_is_no_sign(form: dict[str, Any]) -> None:
    assert signs(**form) == set()


def test_signs_add_up_and_the_record_says_how() -> None:
    found = read(email="x@mailinator.com", message="http://a.ru http://b.ru http://c.ru")
    assert isinstance(found, SetAside)
    assert (found.disposition, found.reason) == (Disposition.QUARANTINED, "link_spam")
    assert found.detail == "link_spam 70 + disposable_email 60 = 130; from 100 on it is set aside"
    assert set(found.marks) == {("link_spam", "quarantined"), ("disposable_email", "quarantined")}


def test_one_sign_is_enough_for_a_newsletter_and_never_for_a_demo() -> None:
    trap = {"honeypot": "x"}
    assert isinstance(read("api", fields=trap), SetAside)
    demo = read("demo", fields=trap)
    assert isinstance(demo, Draft)
    assert demo.marks == (("honeypot", "counted"),)
    both = read("demo", fields=trap, phone="call me")
    assert isinstance(both, SetAside)


def test_a_competitor_is_set_aside_by_exact_domain() -> None:
    for address in ("a@rival.example", "a@mail.rival.example", "A@RIVAL.example"):
        found = read("demo", email=address)
        assert isinstance(found, SetAside)
        assert (found.disposition, found.reason) == (Disposition.QUARANTINED, "competitor")
    for address in ("a@notrival.example", "rival.example@northwind.example", "a@rival.example.org"):
        assert isinstance(read("demo", email=address), Draft)


def test_our_own_people_are_a_test_and_strangers_with_a_longer_name_are_not() -> None:
    found = read("demo", email="me@eu.handraise.example")
    assert isinstance(found, SetAside)
    assert (found.disposition, found.reason) == (Disposition.REJECTED, "test")
    assert isinstance(read("demo", email="me@nothandraise.example"), Draft)


def test_a_watched_source_only_counts_but_a_test_stays_a_test() -> None:
    found = read("watched", email="a@rival.example", fields={"honeypot": "x"})
    assert isinstance(found, Draft)
    assert set(found.marks) == {("competitor", "observed"), ("honeypot", "observed")}
    assert isinstance(read("watched", test=True), SetAside)


def test_a_source_weighs_for_itself() -> None:
    found = read("loose", fields={"honeypot": "x"})
    assert isinstance(found, Draft)
    assert found.marks == (("honeypot", "counted"),)


def test_what_a_person_released_is_not_screened() -> None:
    one = submission("api", email="x@mailinator.com", fields={"honeypot": "x"})
    assert isinstance(interpret(one, PARSED), SetAside)
    assert isinstance(interpret(one, PARSED, released=True), Draft)


def test_a_domain_without_mail_counts_from_the_next_submission_on() -> None:
    world = World()
    assert read(world=world, email="a@no-mail.com").marks == ()
    assert world.mail.take_wanted() == ["no-mail.com"]
    world.mail.learn("no-mail.com", accepts=False, until=AT + timedelta(hours=1))
    assert read(world=world, email="b@no-mail.com").marks == (("missing_mx", "counted"),)
    assert world.mail.take_wanted() == []


@pytest.mark.parametrize("address", ["a@gmail.com", "a@mailinator.com", "a@northwind.example"])
def test_nobody_is_asked_about_what_is_known(address: str) -> None:
    world = World()
    read(world=world, email=address)
    assert world.mail.take_wanted() == []


def test_an_answer_holds_for_its_time() -> None:
    mail = MailDomains()
    mail.learn("a.com", accepts=False, until=AT)
    assert mail.no_mail("a.com", AT - timedelta(seconds=1))
    assert not mail.no_mail("a.com", AT)
    assert mail.take_wanted() == ["a.com"]


def test_memory_is_bounded() -> None:
    mail = MailDomains(size=2, waiting=2)
    for name in "abc":
        mail.learn(name, accepts=False, until=AT + timedelta(days=1))
        mail.no_mail(f"{name}?", AT)
    assert [mail.no_mail(name, AT) for name in "abc"] == [False, True, True]
    assert mail.take_wanted() == ["a?", "b?"]


def test_a_burst_counts_submissions_not_decisions() -> None:
    bursts, one = Bursts(), uuid4()
    assert [bursts.count("n", one, AT) for _ in range(5)] == [1] * 5
    assert [bursts.count("n", uuid4(), AT + timedelta(seconds=s)) for s in (1, 30, 59, 60)] == [
        2, 3, 4, 4,
    ]  # fmt: skip
    assert bursts.count("m", uuid4(), AT) == 1


def test_a_flood_of_one_network_is_a_sign_where_the_network_is_the_persons() -> None:
    world = World(b"key")
    for source, more in (
        ("browser", {"headers": {NETWORK_HEADER: "abc"}}),
        ("tool", {"fields": {"ip": "198.51.100.7"}}),
        ("api", {"headers": {NETWORK_HEADER: "abc"}}),
    ):
        marks = [read(source, world=world, **more).marks for _ in range(11)]
        assert marks[:10] == [()] * 10
        assert marks[10] == ((("burst", "counted"),) if source != "api" else ())


def test_a_network_has_a_name_that_reveals_nothing() -> None:
    name = network_of("198.51.100.7", b"k")
    assert name is not None
    assert name == network_of("198.51.100.200", b"k") == network_of("::ffff:198.51.100.9", b"k")
    assert name not in {network_of("198.51.101.7", b"k"), network_of("198.51.100.7", b"other")}
    assert "198" not in name
    assert network_of("2001:db8:1:2::1", b"k") == network_of("2001:db8:1:2:ff::1", b"k")
    assert network_of("nonsense", b"k") is network_of(None, b"k") is None


_SIGNS = st.frozensets(st.sampled_from(list(Sign)))
_WEIGHTS = st.fixed_dictionaries({sign: st.integers(0, 300) for sign in Sign})


def decided(signs: frozenset[Sign], kind: KindName, rules: Rules) -> Verdict:
    email = normalise_email("dana@northwind.example")
    return screen(test=False, email=email, kind=kind, own_domains=(), rules=rules, signs=signs)


@given(_SIGNS, _WEIGHTS, st.integers(1, 300), st.sampled_from(sorted(HOT)))
def test_no_sign_alone_quarantines_who_waits(
    signs: frozenset[Sign], weights: dict[Sign, int], threshold: int, kind: KindName
) -> None:
    rules = Rules(threshold=threshold, weights=weights)
    verdict = decided(signs, kind, rules)
    heavy = [sign for sign in signs if weights[sign]]
    total = sum(weights[sign] for sign in signs)
    assert (verdict.aside is not None) == (total >= threshold and len(heavy) >= 2)
    assert {reason for reason, _ in verdict.marks} == signs


@given(_SIGNS, st.sampled_from(list(Sign)), st.sampled_from(list(KindName)))
def test_one_more_sign_never_helps(signs: frozenset[Sign], more: Sign, kind: KindName) -> None:
    rules = Rules()
    if decided(signs, kind, rules).aside is not None:
        assert decided(signs | {more}, kind, rules).aside is not None
    watched = decided(signs, kind, replace(rules, observe_only=True))
    assert watched.aside is None


def test_every_sign_has_a_weight() -> None:
    assert set(WEIGHTS) == set(Sign)


@pytest.mark.parametrize(
    ("block", "place"),
    [
        ("screening: {competitor_domains: [mail.rival.example]}", "registrable"),
        ("screening: {weights: {honypot: 5}}", "honeypot"),
        ("screening: {threshold: 0}", "threshold"),
        ("screening: {resolver: dns.example}", "resolver"),
        ("screening: {observe: true}", "observe"),
    ],
)
def test_a_wrong_block_is_refused(block: str, place: str) -> None:
    with pytest.raises(Exception, match=place):
        parsed(CONFIG.replace(CONFIG[CONFIG.index("screening:") : CONFIG.index("sources:")],
                              f"{block}\n"))  # fmt: skip
