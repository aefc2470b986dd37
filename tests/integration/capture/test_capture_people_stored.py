"""People, their touches and what was set aside, as Postgres keeps them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from schemas import topics
from schemas.assignment import AssignmentChanged
from schemas.base import Lane, Motion
from schemas.cloudevents import Envelope
from schemas.erasure import LeadErased
from schemas.submission import KeyKind, SubmissionReceived
from services.capture import config, events, release
from services.capture.adapters.base import Item
from services.capture.handlers import Decider, count
from services.capture.merging import Merging
from services.capture.recent import RecentDeliveries
from services.capture.repeats import Claim, Delivered
from services.capture.seen import World
from services.capture.store import people, quarantine
from services.capture.store.erasing import forget
from services.runtime.database import Connection, open_pool
from services.runtime.erasure import Eraser
from services.runtime.metrics import Metrics
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record, output
from tests.support.examples import good

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
CHANNELS = """
channels:
  - {channel: outbound, when: {motion: outbound}}
  - {channel: email, when: {utm_medium: [email]}}
"""
SOURCES = """
own_domains: [handraise.example]
screening: {competitor_domains: [rival.example], resolver: 127.0.0.1:53}
sources:
  web: {adapter: api, kind: newsletter, secret: A}
  watched: {adapter: api, kind: newsletter, secret: A, screening: {observe_only: true}}
"""
CONFIG = config.parse({"sources.yaml": SOURCES, "channels.yaml": CHANNELS})
JUNK: dict[str, Any] = {"fields": {"honeypot": "x"}, "message": "[url=http://a.ru]"}


@dataclass
class Capture:
    """One consumer, fed by hand."""

    pool: asyncpg.Pool
    metrics: Metrics
    world: World
    minute: int = 0

    async def submit(
        self, source: str = "web", motion: Motion = Motion.INBOUND, **form: Any
    ) -> dict[str, Any]:
        self.minute += 20
        item = Item(json.dumps(form).encode(), f"k{self.minute}", KeyKind.VENDOR_ID)
        at = AT + timedelta(minutes=self.minute)
        event = events.received(source, item, headers={}, lane=Lane.LIVE, motion=motion, at=at)
        return await self.decide(events.submission_output(event))

    async def decide(self, out: Output) -> dict[str, Any]:
        envelope, event = Envelope.from_headers(out.headers), SubmissionReceived.read(out.value)
        record = Record(event, envelope, out.topic, 0, 0, out.key, out.value, out.headers)
        outbox = Outbox("capture", self.pool, _nobody, self.metrics)
        decider = Decider(lambda: CONFIG, b"secret", lambda: AT, self.world)
        (made,) = await outbox.process([record], decider.decide, decider.first)
        count(self.metrics)([made])
        return {"topic": made.topic, **json.loads(made.value)}

    def screened(self, source: str, reason: str, action: str) -> float:
        labels = {"source": source, "reason": reason, "action": action}
        return self.metrics.registry.get_sample_value("handraise_screening_total", labels) or 0.0


async def _nobody(outputs: object) -> None:
    raise AssertionError("nothing is published here")


def with_capture(dsn: str, test: Callable[[Capture], Awaitable[None]]) -> None:
    async def run() -> None:
        pool = await open_pool(dsn, size=2)
        tables = [
            "deliveries", "identities", "leads", "touches", "quarantine", "inbox", "outbox",
            "erased",
        ]  # fmt: skip
        try:
            await pool.execute("truncate " + ", ".join(f"capture.{name}" for name in tables))
            await test(Capture(pool, Metrics(), World()))
        finally:
            await pool.close()

    asyncio.run(run())


def test_a_new_mailbox_takes_the_lead_of_its_phone_and_a_known_one_does_not(
    postgres_dsn: str,
) -> None:
    async def test(capture: Capture) -> None:
        async def lead(**form: Any) -> str:
            return str((await capture.submit(**form))["lead"]["lead_id"])

        by_phone = await lead(phone="+49 30 901821")
        assert await lead(email="new@a.com", phone="+49 30 901821") == by_phone
        assert await lead(email="new@a.com") == by_phone

        other_phone, known = await lead(phone="+49 30 901822"), await lead(email="known@a.com")
        assert await lead(email="known@a.com", phone="+49 30 901822") == known != other_phone
        assert await lead(phone="+49 30 901822") == known
        assert await lead(email="known@a.com") == known

        # As soon as a second mailbox gives a phone it is nobody's any more.
        second = await lead(email="second@a.com", phone="+49 30 901822")
        callers = {await lead(phone="+49 30 901822") for _ in range(2)}
        assert len({known, second, *callers}) == 4

    with_capture(postgres_dsn, test)


async def erase(capture: Capture, lead: str, at: datetime) -> None:
    event = LeadErased(lead_id=UUID(lead), erased_at=at)
    envelope = Envelope(uuid4(), event.TYPE, "/t", event.subject, AT)
    record = Record(event, envelope, topics.ERASURES.name, 0, 0, b"k", b"", ())
    outbox = Outbox("capture", capture.pool, _nobody, capture.metrics)
    await capture.pool.execute("update capture.outbox set published_at = now()")
    await Eraser("capture", outbox, forget).handle([record])


def test_whoever_was_erased_comes_back_only_by_what_is_newer(postgres_dsn: str) -> None:
    async def test(capture: Capture) -> None:
        phone = "+49 30 901829"
        first = await capture.submit(phone=phone)
        both = await capture.submit(email="gone@a.com", phone=phone)
        lead = both["lead"]["lead_id"]
        assert first["lead"]["lead_id"] == lead, "a mailbox that is new takes its phone's lead"
        other = await capture.submit(email="other@a.com")
        await erase(capture, lead, AT + timedelta(minutes=capture.minute + 60))
        left = await capture.pool.fetch("select lead_id::text from capture.leads")
        assert [row[0] for row in left] == [other["lead"]["lead_id"]]

        # Received before the erasure, however it names them: an end, and no trace of anybody.
        for form in ({"email": "gone@a.com"}, {"phone": phone}):
            late = await capture.submit(**form)
            assert late["topic"] == "submissions.v1.capture.dlq"
            assert late.keys() == {"topic", "submission_id"}
        assert await capture.pool.fetchval("select count(*) from capture.identities") == 1
        assert (await capture.submit(email="other@a.com"))["touch"] == 2

        capture.minute += 120
        again = await capture.submit(email="gone@a.com", phone=phone)
        assert (again["topic"], again["repeat"]) == ("leads.captured.v1", "first")

    with_capture(postgres_dsn, test)


def test_who_was_merged_is_the_survivor_from_then_on(postgres_dsn: str) -> None:
    async def test(capture: Capture) -> None:
        kept = await capture.submit(email="ann@a.com")
        gone = await capture.submit(email="ann@b.com", phone="+49 30 901823")
        survivor, other = (UUID(one["lead"]["lead_id"]) for one in (kept, gone))
        told = AssignmentChanged.model_validate(
            {
                **json.loads(good("assignment.changed.v1", "closed-merged")),
                "lead_id": other,
                "merged_into": survivor,
            }
        )
        out = output(topics.ASSIGNMENTS, "a.com", told, event_id=told.assignment_id,
                     service="routing", at=AT)  # fmt: skip
        envelope = Envelope.from_headers(out.headers)
        record = Record(told, envelope, out.topic, 0, 0, out.key, out.value, out.headers)
        for _ in range(2):  # delivered twice
            await Merging(capture.pool).follow([record])
        for form in ({"email": "ann@b.com"}, {"phone": "+49 30 901823"}, {"email": "ann@a.com"}):
            assert (await capture.submit(**form))["lead"]["lead_id"] == str(survivor)
        touches = await capture.pool.fetch("select distinct lead_id from capture.touches")
        assert [row["lead_id"] for row in touches] == [survivor]
        (journey,) = await capture.pool.fetch("select * from capture.journey")
        assert journey["touches"] == 5

    with_capture(postgres_dsn, test)


def test_first_last_and_every_touch_are_kept_with_what_brought_them(postgres_dsn: str) -> None:
    async def test(capture: Capture) -> None:
        who: dict[str, Any] = {"email": "dana@northwind.example"}
        await capture.submit(**who, kind="prospect", motion=Motion.OUTBOUND)
        await capture.submit(
            **who, utm={"source": "google", "medium": "cpc"}, click_ids={"gclid": "g1"}
        )
        late: dict[str, Any] = {"submitted_at": (AT + timedelta(minutes=30)).isoformat()}
        await capture.submit(**who, kind="webinar", utm={"campaign": "late"}, **late)
        last = await capture.submit(**who, kind="demo_request", utm={"medium": "email"})

        story = await capture.pool.fetch("select * from capture.story order by touch")
        assert [(row["touch"], row["motion"], row["utm"]) for row in story] == [
            (1, "outbound", {}),
            (2, "inbound", {"source": "google", "medium": "cpc"}),
            (3, "inbound", {"campaign": "late"}),
            (4, "inbound", {"medium": "email"}),
        ]
        assert [row["click_ids"] for row in story] == [{}, {"gclid": "g1"}, {}, {}]
        (journey,) = await capture.pool.fetch("select * from capture.journey")
        assert str(journey["lead_id"]) == last["lead"]["lead_id"]
        assert journey["touches"] == 4
        assert (journey["first_channel"], journey["first_motion"]) == ("outbound", "outbound")
        assert (journey["last_channel"], journey["last_kind"]) == ("email", "demo_request")
        assert journey["last_utm"] == {"medium": "email"}
        assert journey["first_at"] < journey["last_at"]

    with_capture(postgres_dsn, test)


def test_the_journey_goes_by_when_the_person_acted(postgres_dsn: str) -> None:
    async def test(capture: Capture) -> None:
        await capture.submit(email="a@b.com", utm={"source": "seen_first"})
        before = (AT - timedelta(days=3)).isoformat()
        await capture.submit(email="a@b.com", utm={"source": "came_late"}, submitted_at=before)
        (journey,) = await capture.pool.fetch("select * from capture.journey")
        assert journey["first_utm"] == {"source": "came_late"}
        assert journey["last_utm"] == {"source": "seen_first"}

    with_capture(postgres_dsn, test)


def test_what_is_set_aside_is_listed_by_reason_and_released_with_its_own_time(
    postgres_dsn: str,
) -> None:
    async def test(capture: Capture) -> None:
        junk = await capture.submit(email="a@b.com", **JUNK)
        assert (junk["topic"], junk["reason"]) == (topics.QUARANTINE.name, "honeypot")
        assert junk["detail"].startswith("honeypot 100 + link_spam 70 = 170")
        rival = await capture.submit(email="a@rival.example")
        ours = await capture.submit(email="me@handraise.example")
        assert (ours["disposition"], ours["reason"]) == ("rejected", "test")
        assert await capture.pool.fetchval("select count(*) from capture.leads") == 0

        async with capture.pool.acquire() as conn:
            for one in (junk, rival, ours):
                found = await quarantine.latest(conn, reason=one["reason"], source="web")
                assert [str(row.quarantine_id) for row in found] == [one["quarantine_id"]]
            assert await quarantine.latest(conn, reason="honeypot", source="watched") == []
            outbox = Outbox("capture", capture.pool, _nobody, capture.metrics)
            (kept,) = await quarantine.latest(conn, reason="honeypot")
            async with conn.transaction():
                released = await release.release(
                    conn, outbox, kept.quarantine_id, by="me", config=CONFIG, secrets={}
                )
            assert await quarantine.latest(conn, reason="honeypot") == []
            (kept,) = await quarantine.latest(conn, reason="honeypot", released=True)
            assert kept.released_at is not None

        (out,) = released.outputs
        lead = await capture.decide(out)
        assert lead["topic"] == topics.CAPTURED.name
        assert lead["submission_id"] == junk["submission_id"]
        assert lead["received_at"] == junk["submission"]["received_at"]
        assert lead["lane"] == junk["submission"]["lane"]

    with_capture(postgres_dsn, test)


def test_what_screening_found_is_counted(postgres_dsn: str) -> None:
    async def test(capture: Capture) -> None:
        await capture.submit(email="a@b.com", **JUNK)
        await capture.submit("watched", email="a@b.com", **JUNK)
        await capture.submit(kind="demo_request", email="a@b.com", fields={"honeypot": "x"})
        await capture.submit(email="me@handraise.example")
        assert capture.screened("web", "honeypot", "quarantined") == 1
        assert capture.screened("web", "link_spam", "quarantined") == 1
        assert capture.screened("watched", "honeypot", "observed") == 1
        assert capture.screened("web", "honeypot", "counted") == 1
        assert capture.screened("web", "test", "rejected") == 1
        assert await capture.pool.fetchval("select count(*) from capture.touches") == 2

    with_capture(postgres_dsn, test)


def test_a_domain_without_mail_weighs_in_once_it_is_known(postgres_dsn: str) -> None:
    async def test(capture: Capture) -> None:
        signs: dict[str, Any] = {
            "email": "a@no-mail.com",
            "phone": "call me",
            "message": "[url=http://a.ru]",
        }
        first = await capture.submit(**{**signs, "message": None})
        assert first["topic"] == topics.CAPTURED.name
        capture.world.mail.learn("no-mail.com", accepts=False, until=AT + timedelta(days=1))
        second = await capture.submit(**signs)
        assert second["reason"] == "link_spam"
        assert "missing_mx 60" in second["detail"]

    with_capture(postgres_dsn, test)


async def test_a_delivery_that_is_committed_after_later_ones_is_known_as_well(
    postgres_dsn: str,
) -> None:
    pool = await open_pool(postgres_dsn)
    try:
        recent, now = RecentDeliveries(), datetime.now(UTC)

        async def claim(conn: Connection, key: str) -> None:
            taken = Delivered(uuid4(), key)
            await people.claim(conn, [Claim("s", key, taken, now, now + timedelta(days=1))])

        def known() -> set[str]:
            return {key for key in "abc" if recent.get("s", key, now.timestamp())}

        async with pool.acquire() as slow, pool.acquire() as quick:
            under_way = slow.transaction()
            await under_way.start()
            await claim(slow, "a")
            await claim(quick, "b")
            await recent.follow(pool)
            assert known() == {"b"}
            await under_way.commit()
            await claim(quick, "c")
            await recent.follow(pool)
        assert known() == {"a", "b", "c"}
        assert recent.complete
    finally:
        await pool.close()
