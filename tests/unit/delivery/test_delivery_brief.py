"""The brief: what is known, nothing else, in the room that a telephone has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.lead import Consent
from schemas.qualification import OpenQuestion
from services.delivery.brief import MOST_CHARACTERS, Brief, Part, brief, links
from services.delivery.model import Colleague
from tests.support.changes import changed

MONDAY = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def told(lead: dict[str, Any] | None = None, now: datetime = MONDAY, **fields: Any) -> Brief:
    event = changed(lead=lead, **fields)
    return brief(event, colleagues=(), now=now)


def part(of: Brief, wanted: Part) -> str:
    return dict(of.parts()).get(wanted, "")


def test_it_says_who_why_now_and_why_you() -> None:
    it = told({"score_reasons": ("demo_request", "seniority_executive"), "touch": 3})
    assert it.title == "Hot: Ada Moreau, Northwind Traders"
    assert part(it, Part.WHO) == (
        "VP Revenue Operations. wholesale, 320 people, US."
        " ada.moreau@northwind.example · +12025550143"
    )
    why = part(it, Part.WHY_NOW)
    assert why.startswith("Ada Moreau asked for a demo (paid search).")
    assert "“We route 300 demo requests a week by hand.”" in why
    assert "Contact number 3." in why
    assert "demo request, seniority executive." in why
    assert "furthest below her share" in part(it, Part.WHY_YOU)


def test_what_is_still_open_is_asked_for() -> None:
    assert part(told(), Part.ASK) == ""
    asked = {"problem": "What made you look?", "timeline": "When should it be in use?"}
    questions = tuple(OpenQuestion(about=about, ask=ask) for about, ask in asked.items())
    it = told({"questions": questions})
    assert part(it, Part.ASK) == "What made you look? When should it be in use?"
    sources = [line.source for line in it.lines if line.part is Part.ASK]
    assert sources == ["qualification.yaml: problem", "qualification.yaml: timeline"]


def test_what_is_not_known_has_no_line() -> None:
    empty = dict.fromkeys(
        ("first_name", "last_name", "company", "job_title", "phone", "country", "message")
    )
    it = told({**empty, "facts": {}})
    assert it.title == "Hot: ada.moreau@northwind.example"
    assert part(it, Part.WHO) == "ada.moreau@northwind.example"
    assert part(it, Part.CALL) == ""
    assert "None" not in it.text()


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (MONDAY, "It is Monday 15:00 there: call now, until 17:30."),
        (MONDAY.replace(hour=6), "It is Monday 07:00 there: call Monday from 09:00 their time."),
        (MONDAY.replace(hour=20), "It is Monday 21:00 there: call Tuesday from 09:00 their time."),
        (
            datetime(2026, 11, 27, 20, 0, tzinfo=UTC),
            "It is Friday 21:00 there: call Monday from 09:00 their time.",
        ),
    ],
)
def test_when_to_call_is_by_the_persons_own_clock(now: datetime, said: str) -> None:
    assert part(told({"facts": {"time_zone": "Europe/Berlin"}}, now), Part.CALL) == said


@pytest.mark.parametrize("zone", ["Nowhere/Else", "", "../../etc/passwd"])
def test_an_unknown_time_zone_says_nothing(zone: str) -> None:
    assert part(told({"facts": {"time_zone": zone}}), Part.CALL) == ""


def test_who_refused_calls_is_not_to_be_called() -> None:
    refused = Consent(purpose="sales", channel="phone", basis="refused")
    it = told({"consent": (refused,), "facts": {"time_zone": "Europe/Berlin"}})
    assert part(it, Part.CALL) == "Do not call: the person refused it."


def test_colleagues_are_named_with_who_talks_to_them() -> None:
    others = (Colleague("Bo Lind (CFO)", "Sam Rivera"),)
    it = brief(changed(), colleagues=others, now=MONDAY)
    assert part(it, Part.COLLEAGUES) == "Bo Lind (CFO) with Sam Rivera."


TEXT = st.one_of(st.none(), st.text(max_size=3_000))


@given(
    message=TEXT, title=TEXT, company=TEXT, name=TEXT,
    facts=st.dictionaries(st.sampled_from(["industry", "headcount", "time_zone"]), st.text()),
    reason=st.text(min_size=1, max_size=2_000),
)  # fmt: skip
def test_whatever_a_lead_says_it_fits_and_says_why_you(
    message: str | None,
    title: str | None,
    company: str | None,
    name: str | None,
    facts: dict[str, str],
    reason: str,
) -> None:
    lead = {
        "message": message, "job_title": title, "company": company, "first_name": name,
        "facts": facts,
    }  # fmt: skip
    it = told(lead, reason=reason)
    assert len(it.text()) <= MOST_CHARACTERS
    assert any(line.part is Part.WHY_YOU for line in it.lines)
    assert all(line.source for line in it.lines)


def test_links_are_quoted_and_left_out_where_a_part_is_unknown() -> None:
    templates = {"Search": "https://x.example/?q={email}", "CRM": "https://x.example/{external_id}"}
    event = changed(lead={"email": "a&b@x.example", "external_id": None})
    assert links(templates, event) == [("Search", "https://x.example/?q=a%26b%40x.example")]


def test_only_a_web_address_is_a_link() -> None:
    event = changed(lead={"crm_url": "javascript:alert(1)"})
    assert links({}, event) == []
