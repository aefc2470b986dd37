"""What a sink is told, in which order, and what becomes of it when the sink fails."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256

import pytest

from schemas.assignment import AssignmentStatus, RequestAction
from schemas.signal import SignalName
from schemas.touch import Audience
from tests.integration.delivery.office import HERE, SECRETS, configured, office, slack, webhook
from tests.support.changes import ASSIGNED, changed, due, next_attempt
from tests.support.standin import Reply, StandIn
from tests.support.waiting import eventually

OK = Reply(body={"ok": True, "ts": "1.1", "channel": "C1"})


async def test_a_change_is_told_once_signed_with_both_secrets(postgres_dsn: str) -> None:
    async with StandIn() as there, office(postgres_dsn, {"hook": webhook(there.url)}) as it:
        event = changed()
        await it.tell(event, event)
        await it.tell(event)
        await eventually(lambda: there.asked)
        [asked] = there.asked
        assert asked.json["type"] == "assignment.assigned"
        assert asked.json["data"]["assignment_id"] == str(event.assignment_id)
        content = f"{asked.headers['webhook-id']}.{asked.headers['webhook-timestamp']}.".encode()
        keys = [b64decode(secret.removeprefix(b"whsec_")) for secret in SECRETS["HOOK"]]
        proofs = [b64encode(hmac.digest(k, content + asked.body, sha256)).decode() for k in keys]
        assert asked.headers["webhook-signature"] == " ".join(f"v1,{proof}" for proof in proofs)
        await eventually(lambda: _is(it, ("hook", 1), "delivered"))
        assert len(there.asked) == 1


async def test_a_lead_s_changes_arrive_in_order_although_the_first_has_to_be_repeated(
    postgres_dsn: str,
) -> None:
    async with StandIn() as there, office(postgres_dsn, {"hook": webhook(there.url)}) as it:
        there.replies = [Reply(500), Reply(503)]
        first = changed()
        second = changed(AssignmentStatus.ACCEPTED, of=first)
        await it.tell(first, second)
        await eventually(lambda: _is(it, ("hook", 1), "waiting", "status_500"))
        await it.due()
        await eventually(lambda: _is(it, ("hook", 1), "waiting", "status_503"))
        await it.due()
        await eventually(lambda: _is(it, ("hook", 2), "delivered"))
        told = [asked.json["type"] for asked in there.asked]
        assert told == ["assignment.assigned"] * 3 + ["assignment.accepted"]
        assert len({asked.headers["webhook-id"] for asked in there.asked[:3]}) == 1


async def test_a_lead_that_moved_on_while_slack_was_away_is_told_to_its_owner_only(
    postgres_dsn: str,
) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        there.replies = [Reply(503)]
        first = changed()
        await it.tell(first)
        await eventually(lambda: _is(it, ("slack", 1), "waiting", "status_503"))
        second = next_attempt(first, "sam", "Sam Rivera")
        await it.tell(second)
        await eventually(lambda: _is(it, ("slack", 2), "delivered"))
        assert (await it.states())["slack", 1] == ("skipped", "overtaken")
        assert [asked.json["channel"] for asked in there.asked] == ["U0EXAMPLE1", "USAM"]


async def test_the_message_in_slack_changes_when_the_attempt_is_over(postgres_dsn: str) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        first = changed()
        over = changed(AssignmentStatus.REJECTED, of=first, reason="Mara gave it back.")
        await it.tell(first)
        await eventually(lambda: _is(it, ("slack", 1), "delivered"))
        await it.tell(over)
        await eventually(lambda: _is(it, ("slack", 2), "delivered"))
        posted, updated = there.asked
        assert (posted.path, updated.path) == ("/api/chat.postMessage", "/api/chat.update")
        assert (updated.json["channel"], updated.json["ts"]) == ("C1", "1.1")
        assert "handraise_accept" in str(posted.json)
        assert "handraise_accept" not in str(updated.json)
        assert posted.headers["authorization"] == "Bearer xoxb-token"


@pytest.mark.parametrize(
    ("reply", "state", "reason"),
    [
        (Reply(body={"ok": False, "error": "channel_not_found"}), "dead", "channel_not_found"),
        (Reply(body={"ok": False, "error": "ratelimited"}), "waiting", "ratelimited"),
        (Reply(429, headers={"retry-after": "30"}), "waiting", "status_429"),
        (Reply(400), "dead", "status_400"),
        (Reply(body=b"<html>"), "dead", "unreadable"),
        (Reply(hangs=True), "waiting", "no_answer"),
    ],
    ids=["no channel", "limited", "429", "400", "no JSON", "hangs"],
)
async def test_what_slack_says_decides_whether_it_is_tried_again(
    postgres_dsn: str, reply: Reply, state: str, reason: str
) -> None:
    async with (
        StandIn(always=reply) as there,
        office(postgres_dsn, {"slack": slack(there.url)}) as it,
    ):
        await it.tell(changed())
        await eventually(lambda: _is(it, ("slack", 1), state, reason))
        in_doubt = it.metrics.registry.get_sample_value(
            "handraise_deliveries_in_doubt_total", {"sink": "slack"}
        )
        assert (in_doubt or 0) == (1 if reply.hangs else 0)


@pytest.mark.parametrize(
    "reply",
    [Reply(410), Reply(body={"ok": False, "error": "token_revoked"})],
    ids=["webhook", "slack"],
)
async def test_a_sink_that_is_gone_gets_nothing_more_and_nothing_is_lost(
    postgres_dsn: str, reply: Reply
) -> None:
    async with StandIn(always=reply) as there:
        sink = webhook(there.url) if reply.status == 410 else slack(there.url)
        async with office(postgres_dsn, {"it": sink}) as it:
            await it.tell(changed())
            await eventually(lambda: it.rows("select 1 from delivery.sinks where sink = 'it'"))
            asked = len(there.asked)
            await it.tell(changed(), changed())
            assert len(there.asked) == asked
            there.always = OK
            await it.pool.execute("delete from delivery.sinks")
            it.workers.wake()
            await eventually(lambda: _all(it, "delivered", 3))


async def test_a_sink_that_hangs_delays_no_other(postgres_dsn: str) -> None:
    async with StandIn(always=Reply(hangs=True)) as dead, StandIn() as good:
        sinks = {
            "dead": webhook(dead.url, timeout_ms=60_000),
            "good": webhook(good.url),
        }
        async with office(postgres_dsn, sinks) as it:
            await it.tell(*(changed() for _ in range(40)))
            await eventually(lambda: len(good.asked) == 40, 30)
            assert len(dead.asked) <= it.config.sinks["dead"].concurrency


async def test_after_failures_in_a_row_a_sink_is_left_alone_and_one_message_tries(
    postgres_dsn: str,
) -> None:
    async with StandIn(always=Reply(500)) as there:
        breaker = {"failures": 3, "seconds": 0.3}
        hook = webhook(there.url, breaker=breaker, concurrency=1)
        async with office(postgres_dsn, {"hook": hook}) as it:
            await it.tell(*(changed() for _ in range(8)))
            await eventually(lambda: len(there.asked) >= 4, what="one tries again")
            there.always = Reply()
            await it.due()
            await eventually(lambda: _all(it, "delivered", 8))


async def test_too_old_is_a_dead_letter_that_can_be_tried_again(postgres_dsn: str) -> None:
    async with StandIn(always=Reply(500)) as there:
        hook = webhook(there.url, give_up_after="1h")
        async with office(postgres_dsn, {"hook": hook}) as it:
            await it.tell(changed())
            await eventually(lambda: _is(it, ("hook", 1), "waiting", "status_500"))
            await it.pool.execute(
                "update delivery.deliveries set created_at = created_at - interval '2 h'"
            )
            await it.due()
            await eventually(lambda: _is(it, ("hook", 1), "dead", "status_500"))
            [row] = await it.rows("select event from delivery.deliveries")
            assert row["event"], "its bytes are kept"
            tried = await it.rows("select number, outcome, detail from delivery.attempts")
            assert [one["detail"] for one in tried] == ["status_500"] * 2
            counted = it.metrics.registry.get_sample_value
            await eventually(
                lambda: counted("handraise_delivery_dead_letters_total", {"sink": "hook"}) == 1
            )


async def test_a_worker_that_died_leaves_a_lease_that_runs_out(postgres_dsn: str) -> None:
    async with StandIn() as there, office(postgres_dsn, {"off": webhook(there.url)}) as it:
        there.always = Reply(hangs=True)
        await it.tell(changed())
        await eventually(lambda: there.asked)
    async with StandIn() as there, office(postgres_dsn, {"off": webhook(there.url)}) as again:
        # As if it had been killed: its lease stays, and ends by itself.
        await again.pool.execute(
            "update delivery.deliveries set claimed_until = clock_timestamp() + interval '1 s'"
        )
        await eventually(lambda: _is(again, ("off", 1), "delivered"))
        assert len(there.asked) == 1


async def test_two_processes_send_each_message_once(postgres_dsn: str) -> None:
    async with StandIn() as there:
        # Only one that is too slow to answer is told again.
        sinks = {"hook": webhook(there.url, timeout_ms=30_000)}
        async with office(postgres_dsn, sinks) as one, office(postgres_dsn, sinks) as two:
            events = [changed() for _ in range(60)]
            await one.tell(*events[:30])
            await two.tell(*events[30:], *events[:30])
            await eventually(lambda: _all(one, "delivered", 60), 40)
            ids = [asked.json["data"]["assignment_id"] for asked in there.asked]
            assert sorted(ids) == sorted(str(event.assignment_id) for event in events)


async def test_an_address_that_leads_inside_is_refused(postgres_dsn: str) -> None:
    async with StandIn() as there:
        hook = webhook(there.url, allow_networks=["192.0.2.0/24"])
        async with office(postgres_dsn, {"hook": hook}) as it:
            await it.tell(changed())
            await eventually(lambda: _is(it, ("hook", 1), "dead", "forbidden_address"))
            assert there.asked == []


async def _is(
    it: object, which: tuple[str, int | None], state: str, reason: str | None = None
) -> bool:
    found = (await it.states()).get(which)  # type: ignore[attr-defined]
    return found is not None and found[0] == state and reason in (None, found[1])


async def _turns(it: object, query: str, wanted: list[tuple[int, int]]) -> bool:
    rows = await it.rows(query)  # type: ignore[attr-defined]
    return [(row["attempts"], int(row["turn"])) for row in rows] == wanted


async def _all(it: object, state: str, count: int) -> bool:
    rows = await it.rows(  # type: ignore[attr-defined]
        "select count(*) as n from delivery.deliveries where state = $1", state
    )
    return bool(rows[0]["n"] == count)


async def test_another_owner_in_the_crm_comes_back_as_one_request(postgres_dsn: str) -> None:
    contact = {"id": "1", "properties": {"email": "dana@acme.example", "hubspot_owner_id": "900"}}
    known = Reply(body={"results": [contact]})
    hubspot = {
        "type": "hubspot", "token": "HUBSPOT", "allow_networks": HERE, "rate": {"calls": 1000},
    }  # fmt: skip
    async with StandIn(always=known) as there:
        crm = {**hubspot, "base_url": there.url}
        async with office(postgres_dsn, {"crm": crm}) as it:
            people = "insert into delivery.people values ('sam', '{\"hubspot\": \"900\"}', now())"
            await it.pool.execute(people)
            rep = ASSIGNED.rep
            assert rep is not None
            mara = rep.model_copy(update={"external_ids": {"hubspot": "711"}})
            event = changed(rep=mara, lead={"email": "dana@acme.example"})
            await it.tell(event)
            await eventually(lambda: _is(it, ("crm", 1), "skipped", "owner_changed_there"))
            await eventually(lambda: it.published)
            [request] = it.published
            assert (request.action, request.to_rep_id) == (RequestAction.REASSIGN, "sam")
            assert request.assignment_id == event.assignment_id


@pytest.mark.parametrize(
    ("audience", "channel"), [(Audience.REP, "U0EXAMPLE1"), (Audience.TEAM, "#leads")]
)
async def test_a_reminder_goes_to_whom_it_is_meant_for_and_says_what_is_due(
    postgres_dsn: str, audience: Audience, channel: str
) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        event = changed()
        await it.tell(event)
        await eventually(lambda: _is(it, ("slack", 1), "delivered"))
        await it.remind(touch := due(event, audience=audience), touch)
        await eventually(lambda: len(there.asked) == 2)
        _, reminder = there.asked
        assert reminder.json["channel"] == channel
        assert "Reminder: Ada Moreau" in reminder.json["text"]
        assert "Nobody called yet." in str(reminder.json["blocks"])
        over = changed(AssignmentStatus.REJECTED, of=event)
        await it.tell(over)
        await eventually(lambda: _is(it, ("slack", 2), "delivered"))
        assert there.asked[-1].json["ts"] == "1.1", "the announcement changes, not the reminder"


async def test_a_burst_to_one_rep_delays_no_other(postgres_dsn: str) -> None:
    slow = {"calls": 1, "seconds": 600}
    async with StandIn(always=OK) as there:
        sink = slack(there.url, per_channel=slow, concurrency=2)
        async with office(postgres_dsn, {"slack": sink}) as it:
            burst = [changed() for _ in range(12)]
            await it.tell(*burst)
            await it.tell(next_attempt(changed(), "ben", "Ben"))
            await eventually(lambda: len(there.asked) == 2)
            told = [asked.json["channel"] for asked in there.asked]
            assert sorted(told) == ["U0EXAMPLE1", "UBEN"]
            # The others were not tried: each has its turn, one after the other.
            query = (
                "select attempts, round(extract(epoch from due_at - now()) / 600) as turn"
                " from delivery.deliveries where state = 'waiting' order by due_at"
            )
            await eventually(lambda: _turns(it, query, [(0, turn) for turn in range(1, 12)]))


async def test_the_team_is_told_of_a_lead_that_nobody_could_take(postgres_dsn: str) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        event = changed()
        await it.tell(held := changed(AssignmentStatus.HELD, of=event, rep=None))
        to_team = due(event, audience=Audience.TEAM)
        await it.remind(to_team.model_copy(update={"rep_id": ""}), due(event))
        await eventually(lambda: len(there.asked) == 1)
        [told] = there.asked
        assert told.json["channel"] == "#leads"
        assert held.reason in str(told.json["blocks"])
        await eventually(lambda: _all(it, "skipped", 1))  # nobody's own reminder


async def test_a_lead_that_moved_on_reminds_nobody(postgres_dsn: str) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        event = changed()
        await it.tell(event)
        await eventually(lambda: _is(it, ("slack", 1), "delivered"))
        await it.tell(changed(AssignmentStatus.CLOSED, of=event))
        await it.remind(due(event))
        await eventually(lambda: _is(it, ("slack", 2), "delivered"))
        await eventually(lambda: _is(it, ("slack", None), "skipped", "overtaken"))


async def test_news_of_a_company_go_to_the_rep_and_to_the_reps_manager(postgres_dsn: str) -> None:
    async with StandIn(always=OK) as there, office(postgres_dsn, {"slack": slack(there.url)}) as it:
        event = changed()
        assert event.rep is not None
        await it.tell(event)
        await eventually(lambda: len(there.asked) == 1)
        news = due(event).model_copy(update={"signal": SignalName.FUNDING, "note": "Series B."})
        to_manager = news.model_copy(update={"audience": Audience.MANAGER})
        # Nobody knows the manager yet: nobody is told.
        await it.remind(to_manager.model_copy(update={"note": "Series A."}))
        await it.meet(event.rep.id, manager="maya")
        await it.meet("maya", external_ids={"slack": "UMAYA"})
        await it.remind(news, to_manager)
        await eventually(lambda: len(there.asked) == 3)
        told = {asked.json["channel"]: str(asked.json) for asked in there.asked[1:]}
        assert set(told) == {"U0EXAMPLE1", "UMAYA"}
        assert all("News" in text and "Series B." in text for text in told.values())


async def test_a_contact_that_hubspot_says_nothing_of_is_not_delivered(postgres_dsn: str) -> None:
    crm = {
        "type": "hubspot", "token": "HUBSPOT", "allow_networks": HERE, "rate": {"calls": 1000},
    }  # fmt: skip
    refused = {"category": "VALIDATION_ERROR", "message": "of one of them"}
    async with StandIn() as there, office(postgres_dsn, {}) as it:
        there.replies = [
            Reply(body={"results": []}),
            Reply(207, body={"results": [], "errors": [refused]}),
        ]
        it.config = configured({"crm": {**crm, "base_url": there.url}})
        rep = ASSIGNED.rep
        assert rep is not None
        mara = rep.model_copy(update={"external_ids": {"hubspot": "711"}})
        await it.tell(changed(rep=mara, lead={"email": "dana@acme.example"}))
        await eventually(lambda: _is(it, ("crm", 1), "waiting", "no_contact_id"))
