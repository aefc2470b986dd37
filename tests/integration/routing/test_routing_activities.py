"""How a lead's life ends, goes on with the next role, or is corrected."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from schemas.activity import ActivityName, ActivityRecorded, Actor
from schemas.assignment import (
    AssignmentChanged,
    AssignmentRequested,
    AssignmentStatus,
    RequestAction,
)
from schemas.base import KindName
from services.routing.accounts import Accounts
from services.routing.staff import Author
from tests.integration.routing.conftest import OpenDesk
from tests.integration.routing.desk import Desk
from tests.integration.routing.leads import MONDAY_NINE, files, lead_id, many, scored
from tests.support.waiting import eventually

S = AssignmentStatus
AES = """
  - {id: rob, name: Rob Test, email: rob@example.com, role: ae, time_zone: UTC, calendar: always}
  - {id: sue, name: Sue Test, email: sue@example.com, role: ae, time_zone: UTC, calendar: always}
"""
CLOSERS = "  - {id: closers, role: ae, members: [rob, sue]}"
HANDOVER = "roles: {ae: {catch_all: {pool: closers}}}"


def team(**options: Any) -> dict[str, str]:
    return files({"ana": 1, "ben": 1}, reps=AES, pools=CLOSERS, routing=HANDOVER, **options)


def did(activity: str, desk: Desk, **fields: Any) -> ActivityRecorded:
    """By a person, about the person behind ``ann@acme.example`` unless another hint is given."""
    if not {"lead_id", "assignment_id", "email", "domain"} & fields.keys():
        fields["lead_id"] = lead_id("ann@acme.example")
    return ActivityRecorded(
        activity=ActivityName(activity),
        occurred_at=fields.pop("at", desk.now),
        received_at=desk.now,
        actor=fields.pop("actor", Actor.HUMAN),
        **fields,
    )


def given_back(handed: AssignmentChanged, desk: Desk) -> AssignmentRequested:
    """Rob hands a lead back to the role before."""
    return AssignmentRequested(
        assignment_id=handed.assignment_id,
        action=RequestAction.REJECT,
        rep_id="rob",
        hand_back=True,
        reason="no budget",
        requested_at=desk.now,
    )


def of(changes: list[AssignmentChanged]) -> list[tuple[str, str, str | None]]:
    return [(one.role.value, one.status.value, one.rep and one.rep.id) for one in changes]


# -- closed -------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["won", "lost", "disqualified"])
async def test_a_lead_is_closed_and_the_next_submission_starts_a_cycle(
    open_desk: OpenDesk, how: str
) -> None:
    desk = await open_desk(files())
    (first,) = await desk.route(scored())
    (over,) = await desk.happens(did(how, desk, reason="no budget"))
    assert (over.status, over.assignment_id) == (S.CLOSED, first.assignment_id)
    assert over.reason == f"Closed: {how} (no budget)."
    (again,) = await desk.route(scored(revision=2))
    assert (again.cycle, again.attempt) == (2, 1)
    same = again.rep == first.rep
    assert same == (how != "disqualified")


async def test_what_happened_before_the_submission_is_about_the_cycle_before(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files())
    await desk.route(scored(at=MONDAY_NINE))
    desk.later(minutes=5)
    assert await desk.happens(did("lost", desk, at=MONDAY_NINE.replace(hour=8))) == []


async def test_a_crm_that_writes_whole_minutes_is_not_before_the_submission(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files())
    await desk.route(scored(at=MONDAY_NINE + timedelta(seconds=40)))
    (over,) = await desk.happens(did("disqualified", desk, at=MONDAY_NINE))
    assert over.status is S.CLOSED


async def test_won_of_a_company_closes_everybody_there(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    await desk.route(*[scored(f"p{n}@acme.example") for n in range(3)], scored("q@bolt.example"))
    changed = await desk.happens(did("won", desk, domain="www.acme.example"))
    assert [one.status for one in changed] == [S.CLOSED] * 3


async def test_the_mailbox_is_hint_enough(open_desk: OpenDesk) -> None:
    from services.kernel.identity import lead_id as keyed
    from services.kernel.identity import normalise_email
    from tests.integration.routing.desk import SECRET

    desk = await open_desk(files())
    lead = scored()
    mail = normalise_email("ann@acme.example")
    known = lead.lead.model_copy(update={"lead_id": keyed(SECRET, mail, None, "", None)})
    await desk.route(lead.model_copy(update={"lead": known}))
    (over,) = await desk.happens(did("lost", desk, email="Ann@Acme.example"))
    assert over.status is S.CLOSED


async def test_an_activity_waits_a_day_for_its_lead(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    assert await desk.happens(did("lost", desk)) == []
    await desk.route(scored())
    _, (over,) = await desk.swept()
    assert over.status is S.CLOSED
    assert await desk.swept() == (await desk.sweeps.prove(), [])
    later = did("won", desk, lead_id=uuid4())
    await desk.happens(later)
    desk.later(hours=25)
    await desk.swept()
    (left,) = await desk.fetch("select activity_id from routing.unmatched")
    assert left


async def test_what_is_about_nobody_does_not_keep_others_from_their_lead(
    open_desk: OpenDesk,
) -> None:
    desk = await open_desk(files())
    await desk.happens(*[did("lost", desk, lead_id=uuid4()) for _ in range(450)])
    desk.later(minutes=1)
    await desk.happens(did("lost", desk))
    await desk.route(scored())
    _, changed = await desk.swept()
    assert [one.status for one in changed] == [S.CLOSED]


async def test_thirty_idle_days_close_a_lead_and_work_on_it_does_not(open_desk: OpenDesk) -> None:
    desk = await open_desk(files({"ana": 1, "ben": 1}))
    quiet, worked = await desk.route(scored(), scored("bob@bolt.example"))
    desk.later(days=20)
    await desk.happens(did("call_attempted", desk, lead_id=worked.lead_id))
    desk.later(days=11)
    _, (over,) = await desk.swept()
    assert (over.lead_id, over.status) == (quiet.lead_id, S.CLOSED)
    assert "Nothing happened for 30 days" in over.reason
    (again,) = await desk.route(scored(revision=2))
    assert (again.cycle, again.rep) == (2, quiet.rep)


async def test_automation_is_no_work(open_desk: OpenDesk) -> None:
    desk = await open_desk(files())
    await desk.route(scored())
    desk.later(days=20)
    await desk.happens(did("email_sent", desk, actor=Actor.AUTOMATION))
    desk.later(days=11)
    _, changed = await desk.swept()
    assert [one.status for one in changed] == [S.CLOSED]


# -- the next role ------------------------------------------------------------------------------
async def test_qualified_routes_the_next_role_who_accepts(open_desk: OpenDesk) -> None:
    desk = await open_desk(team())
    (first,) = await desk.route(scored())
    sdr = first.rep and first.rep.id
    accepted, handed = await desk.happens(did("qualified", desk, rep_id=sdr))
    assert of([accepted, handed]) == [("sdr", "accepted", sdr), ("ae", "assigned", "rob")]
    assert (handed.previous_rep_id, handed.submission_id) == (sdr, first.submission_id)
    assert await desk.happens(did("qualified", desk, rep_id=sdr)) == []
    outcome = await desk.act(handed.assignment_id, "accept", "rob")
    assert outcome is not None
    assert [(c.attempt.role.value, c.status.value) for c in outcome.answered.changes] == [
        ("ae", "accepted"),
        ("sdr", "closed"),
    ]
    (told,) = await desk.route(scored(revision=2))
    assert of([told]) == [("ae", "re_engaged", "rob")]
    (noted,) = await desk.route(scored(revision=3, kind=KindName.WEBINAR))
    assert of([noted]) == [("ae", "accepted", "rob")]
    (won,) = await desk.happens(did("won", desk))
    assert of([won]) == [("ae", "closed", "rob")]


@pytest.mark.parametrize("accepted", [False, True])
async def test_the_next_role_returns_a_lead_with_a_reason(
    open_desk: OpenDesk, accepted: bool
) -> None:
    desk = await open_desk(team())
    (first,) = await desk.route(scored())
    sdr = first.rep and first.rep.id
    _, handed = await desk.happens(did("qualified", desk))
    if accepted:
        await desk.act(handed.assignment_id, "accept", "rob")
    over, back = await desk.ask(given_back(handed, desk))
    assert of([over]) == [("ae", "rejected", "rob")]
    assert of([back]) == [("sdr", "assigned" if accepted else "re_engaged", sdr)]
    assert "Rob Test gave it back (no budget)" in (over.reason if accepted else back.reason)
    *_, again = await desk.happens(did("qualified", desk))
    assert (again.role.value, again.attempt) == ("ae", 2)


async def test_a_lead_is_returned_to_nobody_who_left_by_command(open_desk: OpenDesk) -> None:
    desk = await open_desk(team())
    (first,) = await desk.route(scored())
    assert first.rep is not None
    _, handed = await desk.happens(did("qualified", desk))
    await desk.act(handed.assignment_id, "accept", "rob")
    await desk.staff.offboarding.run(Author("sam", "left"), first.rep.id)
    _, back = await desk.ask(given_back(handed, desk))
    assert back.status is S.ASSIGNED
    assert back.rep is not None
    assert back.rep.id != first.rep.id


async def test_a_rejection_goes_to_the_next_account_executive(open_desk: OpenDesk) -> None:
    desk = await open_desk(team())
    await desk.route(scored())
    _, handed = await desk.happens(did("qualified", desk))
    await desk.act(handed.assignment_id, "reject", "rob")
    (row,) = await desk.fetch(
        "select rep_id from routing.attempts where role = 'ae' and status = 'reassigned'"
    )
    assert row["rep_id"] == "sue"


async def test_a_full_cycle_team_keeps_its_leads(open_desk: OpenDesk) -> None:
    desk = await open_desk(team(pool_options=", model: full_cycle"))
    (first,) = await desk.route(scored())
    _, handed = await desk.happens(did("qualified", desk))
    assert handed.rep == first.rep
    assert handed.role.value == "ae"
    # Nobody named anybody.
    assert "goes on with" in handed.reason


async def test_a_held_account_executive_lead_is_drained_as_one(open_desk: OpenDesk) -> None:
    closed = team()
    closed["teams.yaml"] = closed["teams.yaml"].replace(
        "role: ae, time_zone: UTC, calendar: always", "role: ae, time_zone: UTC, calendar: office"
    )
    desk = await open_desk(closed)
    desk.later(hours=10)
    await desk.route(scored(at=desk.now))
    _, held = await desk.happens(did("qualified", desk))
    assert of([held]) == [("ae", "held", None)]
    desk.later(hours=14)
    (given,) = await desk.drained()
    assert of([given]) == [("ae", "assigned", "rob")]


async def test_a_held_lead_of_a_later_role_outlives_its_pool(open_desk: OpenDesk) -> None:
    closed = team()
    closed["teams.yaml"] = closed["teams.yaml"].replace(
        "role: ae, time_zone: UTC, calendar: always", "role: ae, time_zone: UTC, calendar: office"
    )
    desk = await open_desk(closed)
    desk.later(hours=10)
    await desk.route(scored(at=desk.now))
    await desk.happens(did("qualified", desk))
    renamed = {name: text.replace("closers", "hunters") for name, text in closed.items()}
    version = await desk.publish(renamed)
    await eventually(lambda: desk.config.current.version == version)
    desk.later(hours=14)
    (given,) = await desk.drained()
    assert of([given]) == [("ae", "assigned", "rob")]
    assert given.pool == "hunters"


@pytest.mark.parametrize("rep", [None, "ana"])
async def test_nobody_accepts_a_lead_that_nobody_has(open_desk: OpenDesk, rep: str | None) -> None:
    desk = await open_desk(files({"ana": 1}, calendar="office"))
    desk.later(hours=10)
    await desk.route(scored(at=desk.now))
    assert await desk.happens(did("sales_accepted", desk, rep_id=rep)) == []
    desk.later(hours=14)
    (given,) = await desk.drained()
    assert of([given]) == [("sdr", "assigned", "ana")]


# -- accounts and motions -----------------------------------------------------------------------
async def test_a_deal_changes_the_account(open_desk: OpenDesk) -> None:
    desk = await open_desk(team())
    accounts = Accounts(desk.pool, desk.config)
    await accounts.bring_in("id,name,domains,owner\na,Acme,acme.example,ben\n")
    deal = did("opportunity_created", desk, domain="acme.example", rep_id="sue")
    assert await desk.happens(deal) == []
    (lead,) = await desk.route(scored())
    assert lead.rep is not None
    assert lead.rep.id == "sue"
    await desk.happens(did("won", desk, domain="acme.example"))
    (company,) = await accounts.find("a")
    assert (company.open_opportunity, company.customer) == (False, True)


async def test_a_specialised_pool_takes_its_motion_only(open_desk: OpenDesk) -> None:
    hunters = "  - {id: hunters, role: sdr, members: [ben], model: specialised, motion: outbound}"
    rule = "  - {id: hunt, when: {tier: hot}, pool: hunters}"
    desk = await open_desk(files({"ana": 1, "ben": 1}, pools=hunters, rules=rule))
    (inbound,) = await desk.route(*many(1))
    assert inbound.pool == "desk"
    (outbound,) = await desk.route(scored(motion="outbound"))
    assert outbound.pool == "hunters"


# -- correction by a later revision -------------------------------------------------------------
BIG = "  - {id: big, when: {company.headcount: {gte: 500}}, pool: large}"
LARGE = "  - {id: large, role: sdr, members: [cleo]}"
CLEO = "  - {id: cleo, name: Cleo T, email: cleo@example.com, role: sdr, time_zone: UTC, calendar: always}"  # noqa: E501


async def enlarged(open_desk: OpenDesk) -> Desk:
    return await open_desk(files({"ana": 1, "ben": 1}, rules=BIG, pools=LARGE, reps=CLEO))


def known_late(revision: int = 2) -> Any:
    return scored(revision=revision, facts={"headcount": 900}, late=True, submission_id=None)


async def test_a_later_revision_moves_a_lead_once_and_returns_the_turn(open_desk: OpenDesk) -> None:
    desk = await enlarged(open_desk)
    (first,) = await desk.route(scored())
    desk.later(minutes=9)
    over, moved = await desk.route(known_late())
    assert (over.status, over.assignment_id) == (S.EXPIRED, first.assignment_id)
    assert (moved.status, moved.pool, moved.attempt) == (S.REASSIGNED, "large", 2)
    assert "belongs to pool large" in over.reason
    assert sum(count for count, _ in (await desk.fairness()).values()) == 0
    (kept,) = await desk.route(scored(revision=3, facts={"headcount": 9}, late=True))
    assert (kept.status, kept.rep) == (S.REASSIGNED, moved.rep)
    assert "would belong to pool desk; Cleo T keeps it" in kept.reason


@pytest.mark.parametrize("why", ["late", "accepted", "touched"])
async def test_afterwards_it_only_tells_the_owner(open_desk: OpenDesk, why: str) -> None:
    desk = await enlarged(open_desk)
    (first,) = await desk.route(scored())
    assert first.rep is not None
    match why:
        case "late":
            desk.later(minutes=11)
        case "accepted":
            await desk.act(first.assignment_id, "accept", first.rep.id)
        case "touched":
            await desk.happens(did("call_attempted", desk))
    (told,) = await desk.route(known_late())
    assert (told.rep, told.assignment_id) == (first.rep, first.assignment_id)
    assert await desk.route(known_late(3)) == []


async def test_nothing_is_said_where_the_owner_class_stays(open_desk: OpenDesk) -> None:
    desk = await enlarged(open_desk)
    await desk.route(scored())
    assert await desk.route(scored(revision=2, facts={"headcount": 90}, late=True)) == []


# -- nobody is stranded -------------------------------------------------------------------------
async def test_the_sweep_finds_what_waits_for_nothing(open_desk: OpenDesk) -> None:
    desk = await open_desk(files(calendar="office"))
    desk.later(hours=10)
    await desk.route(scored(at=desk.now), *many(1, at=desk.now))
    found, _ = await desk.swept()
    assert set(vars_of(found)) == {0}
    desk.later(hours=1)
    found, _ = await desk.swept()
    assert found.overdue == 2
    await desk.pool.execute("update routing.attempts set pool = null")
    found, _ = await desk.swept()
    assert found.without_pool == 2
    await desk.pool.execute("update routing.attempts set status = 'assigned', rep_id = 'gone'")
    found, _ = await desk.swept()
    assert (found.without_owner, found.given_up) == (2, 0)
    await desk.pool.execute("update routing.attempts set status = 'expired'")
    await desk.pool.execute("update routing.history set status = 'expired'")
    found, _ = await desk.swept()
    assert found.given_up == 2
    text = (await desk.metrics.render())[0].decode()
    assert 'handraise_stranded_leads{reason="given_up"} 2.0' in text


def vars_of(found: object) -> list[int]:
    return [getattr(found, name) for name in found.__slots__]  # type: ignore[attr-defined]
