"""A person looks the same whatever the order in which touches arrive, and however often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from schemas.base import ChannelName, KindName, Lane, Motion
from schemas.lead import Consent, Lead, LeadCaptured, Repeat, Utm
from services.enrichment.merge import Registers, dump, load, merge, person, registers

_EPOCH = datetime(2026, 11, 23, 9, tzinfo=UTC)
_LEAD = UUID(int=7)

_texts = st.none() | st.sampled_from(["Acme", "Acme GmbH", "VP Sales", "x"])
_moments = st.integers(-3, 3).map(lambda hours: _EPOCH + timedelta(hours=hours))
_consents = st.lists(
    st.builds(
        Consent,
        purpose=st.sampled_from(["sales", "news"]),
        channel=st.just("email"),
        basis=st.sampled_from(["consent", "refused"]),
    ),
    max_size=2,
).map(tuple)


@st.composite
def _touches(draw: st.DrawFn) -> tuple[LeadCaptured, UUID]:
    lead = Lead(
        lead_id=_LEAD,
        account_key="acme.example",
        email="ana@acme.example",
        company=draw(_texts),
        job_title=draw(_texts),
        message=draw(_texts),
        form_id=draw(_texts),
        utm=Utm(source=draw(_texts)),
        fields=draw(st.dictionaries(st.sampled_from(["size", "tool"]), st.sampled_from("ab"))),
        consent=draw(_consents),
    )
    event = LeadCaptured(
        submission_id=None,
        causation_id=None,
        received_at=draw(_moments),
        lane=Lane.LIVE,
        motion=Motion.INBOUND,
        channel=ChannelName.DIRECT,
        source="website",
        kind=KindName.DEMO_REQUEST,
        lead=lead,
        repeat=Repeat.FIRST,
        touch=1,
        submitted_at=draw(_moments),
    )
    return event, draw(st.uuids(version=5))


def _all(touches: list[tuple[LeadCaptured, UUID]]) -> Registers:
    return reduce(merge, (registers(event, event_id) for event, event_id in touches), {})


@given(touches=st.lists(_touches(), min_size=1, max_size=6), data=st.data())
def test_the_order_of_arrival_does_not_matter(
    touches: list[tuple[LeadCaptured, UUID]], data: st.DataObject
) -> None:
    again = data.draw(st.permutations(touches))
    repeated = [*again, *data.draw(st.lists(st.sampled_from(touches), max_size=3))]
    assert _all(repeated) == _all(touches)


@given(touches=st.lists(_touches(), min_size=1, max_size=4), cut=st.integers(0, 4))
def test_groups_of_touches_merge_like_single_ones(
    touches: list[tuple[LeadCaptured, UUID]], cut: int
) -> None:
    assert merge(_all(touches[:cut]), _all(touches[cut:])) == _all(touches)


@given(touches=st.lists(_touches(), min_size=1, max_size=4))
def test_what_is_stored_comes_back(touches: list[tuple[LeadCaptured, UUID]]) -> None:
    merged = _all(touches)
    assert load(dump(merged)) == merged


@given(touches=st.lists(_touches(), min_size=1, max_size=5))
def test_the_latest_submission_that_says_something_wins(
    touches: list[tuple[LeadCaptured, UUID]],
) -> None:
    said = [
        ((min(e.submitted_at, e.received_at), e.received_at, str(event_id)), e.lead.company)
        for e, event_id in touches
        if e.lead.company
    ]
    shown = person(_all(touches), touches[0][0].lead)
    assert shown.company == (max(said)[1] if said else None)


@given(touches=st.lists(_touches(), min_size=1, max_size=5))
def test_the_circumstances_stay_those_of_the_touch(
    touches: list[tuple[LeadCaptured, UUID]],
) -> None:
    touch = touches[0][0].lead
    shown = person(_all(touches), touch)
    assert (shown.form_id, shown.utm) == (touch.form_id, touch.utm)
