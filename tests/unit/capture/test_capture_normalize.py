"""One spelling for each thing, and where a lead came from by the committed table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.base import ChannelName, KindName, Motion
from services.capture import config
from services.capture.adapters.base import Unparsable
from services.capture.leadform import LeadForm
from services.capture.normalize import Draft, Origin, believable, line, normalise, paragraph
from services.runtime.configfile import ConfigError

FILES = {path.name: path.read_text() for path in Path("deploy/config").glob("*.yaml")}
CONFIG = config.parse(FILES)
AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def draft(source: str = "website", **form: object) -> Draft:
    origin = Origin(
        source, KindName.CONTACT_SALES, Motion.INBOUND, AT, frozenset({"ours.com"}), CONFIG.channels
    )
    return normalise(LeadForm.model_validate({"email": "dana@northwind.example", **form}), origin)


@pytest.mark.parametrize(
    ("form", "channel"),
    [
        ({}, "unknown"),
        ({"page_url": "https://ours.com/demo"}, "direct"),
        ({"page_url": "https://ours.com/demo?gclid=x"}, "paid_search"),
        ({"page_url": "ours.com/?utm_source=LinkedIn&utm_medium=Paid-Social"}, "paid_social"),
        ({"utm": {"source": "google", "medium": "CPC"}}, "paid_search"),
        ({"utm": {"source": "facebook", "medium": "cpc"}}, "paid_social"),
        ({"utm": {"medium": "banner"}}, "display"),
        ({"utm": {"medium": "newsletter"}}, "email"),
        ({"utm": {"source": "G2"}}, "review_site"),
        ({"utm": {"medium": "affiliate"}}, "partner"),
        ({"referrer": "https://www.google.co.uk/"}, "organic_search"),
        ({"referrer": "https://google.evil.example/"}, "referral"),
        ({"referrer": "https://notgoogle.com/"}, "referral"),
        ({"referrer": "https://mail.google.com/"}, "email"),
        ({"referrer": "www.capterra.com/p/1"}, "review_site"),
        ({"referrer": "https://blog.partner.example/x"}, "referral"),
        ({"referrer": "https://www.ours.com/a", "page_url": "https://ours.com/demo"}, "direct"),
        ({"referrer": "http://[bad", "page_url": "https://x.example/"}, "direct"),
        ({"kind": "webinar"}, "webinar_event"),
        ({"kind": "content_download"}, "content"),
        ({"kind": "prospect"}, "outbound"),
    ],
)  # fmt: skip
def test_channel(form: dict[str, object], channel: str) -> None:
    assert draft(**form).channel == channel


def test_every_channel_can_be_reached_by_the_committed_table() -> None:
    named = {rule.channel for rule in CONFIG.channels.channels} | {CONFIG.channels.fallback}
    assert named == set(ChannelName)


def test_values_have_one_spelling() -> None:
    found = draft(
        email=" Dana+Demo@NORTHWIND.example ",
        first_name="Zoe\u0308  Ann\u202e",
        phone="030 901820",
        country="Deutschland",
        message=" two\nlines\x07 ",
    )
    assert found.values["email"] == "dana+demo@northwind.example"
    assert found.values["first_name"] == "Zoë Ann"
    assert (found.values["phone"], found.values["country"]) == ("+4930901820", "DE")
    assert found.values["message"] == "two\nlines"
    assert found.who.phone == "+4930901820"


def test_what_cannot_be_understood_stays_readable() -> None:
    found = draft(phone="call me", country="Atlantis", fields={"size": "40"})
    assert found.values["fields"] == {
        "size": "40",
        "phone_as_given": "call me",
        "country_as_given": "Atlantis",
    }
    assert (found.values["phone"], found.values["country"]) == (None, None)


def test_utm_of_the_form_wins_over_the_address_of_its_page() -> None:
    found = draft(
        utm={"source": "form"}, page_url="https://x.example/?utm_source=url&utm_campaign=spring"
    )
    assert (found.values["utm"].source, found.values["utm"].campaign) == ("form", "spring")


def test_nobody_is_not_a_lead() -> None:
    with pytest.raises(Unparsable):
        draft(email="not an address")


def test_a_switchboard_is_a_number_to_call_and_no_identity() -> None:
    found = draft(phone="+1 415 555 2671 ext. 12")
    assert found.values["phone"] == "+14155552671"
    assert found.who.phone is None


@pytest.mark.parametrize(
    ("said", "believed"),
    [(None, 0), (-86_400, -86_400), (60, 60), (300, 300), (301, 0)],
)
def test_a_form_tools_clock_may_be_five_minutes_ahead(said: int | None, believed: int) -> None:
    given = None if said is None else AT + timedelta(seconds=said)
    assert believable(given, AT) == AT + timedelta(seconds=believed)


@pytest.mark.parametrize("clean", [line, paragraph])
def test_text_of_nothing_is_nothing(clean: object) -> None:
    assert clean(" \u200b \x00 ".replace("\u200b", "")) is None  # type: ignore[operator]
    assert clean(None) is None  # type: ignore[operator]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("sources.yaml", "adapter: typeform", "adapter: tyepform", "sources.yaml:20 "),
        ("sources.yaml", "work_email: email", "work_email: e_mail", "no place for an answer"),
        ("sources.yaml", "    secret: WEBSITE\n", "", "anybody could post"),
        ("sources.yaml", "kind: demo_request", "kind: demo", "kind"),
        ("sources.yaml", "    mapping:", "    maping:", "did you mean mapping"),
        ("channels.yaml", "channel: outbound", "channel: outbond", "channels.yaml"),
        ("channels.yaml", "{ motion: outbound }", "{ source: nobody }", "there is no source"),
        ("channels.yaml", "{ motion: outbound }", "{}", "at least one condition"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    file: str, old: str, new: str, message: str
) -> None:
    assert old in FILES[file]
    with pytest.raises(ConfigError) as error:
        config.parse({**FILES, file: FILES[file].replace(old, new, 1)})
    assert message in str(error.value)
