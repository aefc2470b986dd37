"""Owner first: colleagues of one company go to one rep, whatever comes at once."""

from __future__ import annotations

import asyncio

from schemas.assignment import AssignmentStatus
from schemas.base import KindName, Lane
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.leads import MONDAY_NINE, files, many, scored


async def test_a_colleague_goes_to_the_accounts_owner(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    (first,) = await desk.route(scored("ann@acme.example"))
    await desk.route(*many(4))
    (second,) = await desk.route(scored("bob@acme.example"))
    assert second.rep == first.rep
    assert "already has a colleague at the same company" in second.reason


async def test_colleagues_in_one_batch_have_one_owner(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    changed = await desk.route(*[scored(f"p{n}@acme.example") for n in range(10)])
    assert len({one.rep.id for one in changed if one.rep}) == 1


async def test_free_mail_makes_nobody_colleagues(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    leads = [scored(f"p{n}@gmail.com") for n in range(3)]
    own = [one.model_copy(update={"lead": one.lead.model_copy(
        update={"account_key": str(one.lead.lead_id)})}) for one in leads]  # fmt: skip
    changed = await desk.route(*own)
    assert {one.rep.id for one in changed if one.rep} == {"ana", "ben", "cleo"}


async def test_an_owner_who_left_falls_through_and_the_record_says_so(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    (first,) = await desk.route(scored("ann@acme.example"))
    assert first.rep is not None
    gone = first.rep.id
    left = files({"ana": 1, "ben": 1})
    left["teams.yaml"] = left["teams.yaml"].replace(
        f"{{id: {gone},", f"{{id: {gone}, active: false,"
    )
    await desk.publish(left)
    (second,) = await desk.route(scored("bob@acme.example"))
    assert second.rep is not None
    assert second.rep.id != gone
    (row,) = await desk.fetch("select record from routing.story where lead_id = $1", second.lead_id)
    assert row["record"]["owner"] == [{"level": "contact", "rep": gone, "lost": "inactive"}]


async def test_a_lead_whose_owner_left_is_routed_anew(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1}, reps=_BEN))
    (first,) = await desk.route(scored())
    changed = files(
        {"ben": 1}, reps=_BEN.replace("ben", "ana").replace("sdr,", "sdr, active: false,")
    )
    await desk.publish(changed)
    over, anew = await desk.route(scored(revision=2))
    assert (over.status, over.submission_id) == (AssignmentStatus.EXPIRED, first.submission_id)
    assert (anew.status, anew.attempt, anew.cycle) == (AssignmentStatus.ASSIGNED, 2, 1)
    assert anew.previous_rep_id == "ana"


_BEN = (
    "  - {id: ben, name: Ben Test, email: ben@example.com, role: sdr,"
    " time_zone: UTC, calendar: always}"
)


async def test_an_owner_who_heard_nothing_for_180_days_loses_the_lead(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    (first,) = await desk.route(scored())
    desk.later(days=179)
    (told,) = await desk.route(scored(revision=2))
    assert told.status is AssignmentStatus.RE_ENGAGED
    desk.later(days=181)
    over, anew = await desk.route(scored(revision=3))
    assert (over.status, over.assignment_id) == (AssignmentStatus.CLOSED, first.assignment_id)
    assert (anew.status, anew.cycle, anew.attempt) == (AssignmentStatus.ASSIGNED, 2, 1)


async def test_away_policy_pool(open_desk: OpenDesk) -> None:
    shifts = files({"ana": 1, "ben": 1}, routing="owner: {away: pool}")
    shifts["teams.yaml"] = shifts["teams.yaml"].replace("calendar: always", "calendar: office", 1)
    desk = await open_desk(shifts)
    changed = await desk.route(scored("a@one.example"), scored("b@two.example"))
    anas = next(one for one in changed if one.rep and one.rep.id == "ana")
    desk.later(hours=12)
    (second,) = await desk.route(scored(f"colleague@{anas.account_key}", at=MONDAY_NINE))
    assert second.rep is not None
    assert second.rep.id == "ben"


async def test_the_owners_turn_is_charged(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    (first,) = await desk.route(scored("p0@acme.example"))
    assert first.rep is not None
    await desk.route(*[scored(f"p{n}@acme.example") for n in range(1, 4)])
    others = await desk.route(*many(4))
    assert all(one.rep and one.rep.id != first.rep.id for one in others)
    counts = await desk.fairness()
    assert {member: count for member, (count, _) in counts.items()} == {"ana": 4, "ben": 4}


async def test_two_colleagues_at_once_on_both_lanes_in_two_processes(open_desk: OpenDesk) -> None:
    """Whoever is first, one rep owns the account; forty accounts, four colleagues each."""
    config = files(dict.fromkeys(("ana", "ben", "cleo", "dan", "eve"), 1))
    one, two = await open_desk(config), await open_desk(config)

    def colleague(account: int, person: str) -> object:
        return scored(f"{person}@a{account}.example", kind=KindName.DEMO_REQUEST)

    batches = []
    for start in range(0, 40, 8):
        accounts = range(start, start + 8)
        for desk, lane, person in (
            (one, Lane.LIVE, "ann"), (one, Lane.BULK, "bob"),
            (two, Lane.LIVE, "cid"), (two, Lane.BULK, "dee"),
        ):  # fmt: skip
            ordered = accounts if person in "ann dee" else reversed(accounts)
            batches.append(
                desk.route(*[colleague(n, person) for n in ordered], lane=lane)  # type: ignore[misc]
            )
    changed = [one for batch in await asyncio.gather(*batches) for one in batch]
    assert len(changed) == 160
    owners: dict[str, set[str]] = {}
    for event in changed:
        assert event.rep is not None
        owners.setdefault(event.account_key, set()).add(event.rep.id)
    assert [key for key, reps in owners.items() if len(reps) > 1] == []


async def test_a_zombie_that_decides_again_gets_what_was_decided(open_desk: OpenDesk) -> None:
    """The same inputs in two processes at once: one decision, both publish its bytes."""
    one, two = await open_desk(files()), await open_desk(files())
    events = many(30)
    ids = [event.submission_id for event in events if event.submission_id]
    first, second = await asyncio.gather(
        one.route(*events, ids=ids), two.route(*reversed(events), ids=list(reversed(ids)))
    )
    assert {a.submission_id: a for a in first} == {a.submission_id: a for a in second}
    (row,) = await one.fetch("select count(*)::int as n from routing.attempts")
    assert row["n"] == 30
