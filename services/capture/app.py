"""Builds capture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from schemas import topics
from schemas.assignment import AssignmentChanged
from schemas.base import Lane
from schemas.submission import SubmissionReceived
from services.capture import config
from services.capture.acceptance import Acceptance
from services.capture.bulklag import BulkLag
from services.capture.ends import EndsReader
from services.capture.feedtimes import FeedTimes
from services.capture.fetcher import Fetcher
from services.capture.handlers import Decider, count
from services.capture.http import Doors, install
from services.capture.kafka_gate import GateProducer, KafkaGate
from services.capture.merging import Merging
from services.capture.mx import MailChecker
from services.capture.outcomes import LOOK_S, Outcomes
from services.capture.partnerstages import PartnerStages
from services.capture.recent import RecentDeliveries
from services.capture.relay import Relay
from services.capture.seen import World
from services.capture.spool import Spool
from services.capture.store import erasing
from services.capture.unverified import Unverified
from services.runtime import erasure
from services.runtime.broker import LaneBroker
from services.runtime.health import Check, one_store_suffices
from services.runtime.installation import LEAD_ID_KEY
from services.runtime.outbox import Outbox
from services.runtime.records import Output, Record
from services.runtime.service import Build, Context
from services.runtime.stage import StageSpec

Current = Callable[[], config.CaptureConfig]

SERVICE = "capture"
_BULK_BATCH = 50
_MAX_BODY = 1_048_576
"""Bytes of any request; a source's own limit is lower and comes first."""


async def build(ctx: Context) -> None:
    """All of capture: the stages, and the HTTP doors with what makes their promise true."""
    current = await _configuration(ctx)
    outboxes = {lane: ctx.outbox(SERVICE, lane) for lane in Lane}
    await _stages(ctx, current, outboxes)
    await _doors(ctx, current, outboxes[Lane.BULK])


async def doors(ctx: Context) -> None:
    """The doors alone: what was accepted waits in Kafka for the stages of other processes."""
    current = await _configuration(ctx)
    gates = await _doors(ctx, current, ctx.outbox(SERVICE, Lane.BULK))
    for lane, gate in gates.items():
        ctx.ready_when(f"kafka.{lane.value}.door", _takes(gate))
    if not ctx.settings.kafka.embedded:  # with it everything goes through Postgres first
        ctx.health.needs = one_store_suffices


async def stages(ctx: Context) -> None:
    """The stages alone; over HTTP only the probes and the metrics answer."""
    outboxes = {lane: ctx.outbox(SERVICE, lane) for lane in Lane}
    await _stages(ctx, await _configuration(ctx), outboxes)


PARTS: Final[Mapping[str, Build]] = {"doors": doors, "stages": stages}
"""What a process may run alone; see docs/decisions/doors-and-stages-apart.md."""


async def _configuration(ctx: Context) -> Current:
    live = await ctx.config(config.parse)
    _warn_of_missing_secrets(ctx, live.current.value)
    return lambda: live.current.value


async def _doors(ctx: Context, current: Current, outbox: Outbox) -> dict[Lane, KafkaGate]:
    gates, acceptance = await _accepting(ctx)
    unverified = Unverified(await ctx.pool(Lane.BULK), outbox)
    outcomes = Outcomes(await ctx.pool(Lane.BULK), current)
    feed_times = FeedTimes(await ctx.pool(Lane.BULK), current, ctx.metrics)
    doors = Doors(
        current,
        ctx.secrets,
        acceptance,
        unverified,
        ctx.settings.http.public_url,
        outcomes.get,
        bulk_lag=_bulk_lag(ctx),
        heard=feed_times.heard,
        key=ctx.secrets.get(LEAD_ID_KEY)[0],
    )
    ctx.app.state.max_body = _MAX_BODY
    install(ctx.app, doors)
    ctx.task("unverified", unverified.run)
    ctx.task("outcomes", outcomes.run)
    ctx.task("feed_times", feed_times.run)
    return gates


async def _accepting(ctx: Context) -> tuple[dict[Lane, KafkaGate], Acceptance]:
    """What makes a submission durable: the way to Kafka, the spool, and the way between them."""
    pool = await ctx.pool(Lane.LIVE)
    gates = {lane: _gate(lane, ctx) for lane in Lane}
    spool = Spool(pool, first=ctx.settings.kafka.embedded)
    await spool.start()
    relay = Relay(await ctx.pool(Lane.BULK), spool, gates, ctx.metrics)
    recent = RecentDeliveries()
    for lane, gate in gates.items():
        await gate.start()
        ctx.task(f"kafka_gate.{lane.value}", gate.run)
    ctx.task("relay", relay.run)
    ctx.task("recent", lambda: recent.run(pool))
    if spool.first:
        ctx.task("courier", relay.courier)
        ctx.task("ends", EndsReader(ctx.settings.kafka, spool).run)
    return gates, Acceptance(gates, spool, relay, recent, pool, ctx.metrics)


async def _stages(ctx: Context, current: Current, outboxes: Mapping[Lane, Outbox]) -> None:
    """The stages, and the workers that read for them what is elsewhere."""
    secret = ctx.secrets.get(LEAD_ID_KEY)[0]
    world = World(secret)
    decider = Decider(current, secret, world=world)
    checker = MailChecker(await ctx.pool(Lane.BULK), world.mail, lambda: current().resolver)
    ctx.task("mail_checker", checker.run)
    fetchers: dict[Lane, Fetcher] = {}
    for lane in Lane:
        pool = await ctx.pool(lane)
        fetchers[lane] = Fetcher(lane, pool, outboxes[lane], current, ctx.secrets, ctx.metrics)
        ctx.lane(lane).add(_stage(lane, decider, outboxes[lane], fetchers[lane], ctx))
        ctx.task(f"fetcher.{lane.value}", fetchers[lane].run)
    ctx.lane(Lane.BULK).add(erasure.stage(SERVICE, outboxes[Lane.BULK], erasing.forget))

    def read(topic: topics.TopicSpec) -> LaneBroker:
        lane = topic.lane or Lane.LIVE
        broker = ctx.broker(lane)
        broker.add(_stage(lane, decider, outboxes[lane], fetchers[lane], ctx, topic))
        return broker

    partners = PartnerStages(lambda: config.partner_topics(current()), read)
    ctx.task("partners", partners.run)
    ctx.ready_when("partners", partners.ready)
    ctx.drain_with(partners.stop)
    await _follow_assignments(ctx, current)


def _stage(
    lane: Lane,
    decider: Decider,
    outbox: Outbox,
    fetcher: Fetcher,
    ctx: Context,
    partner: topics.TopicSpec | None = None,
) -> StageSpec[SubmissionReceived]:
    counted = count(ctx.metrics)

    async def decide(records: Sequence[Record[SubmissionReceived]]) -> Sequence[Output]:
        """Claims deliveries and decides who each is of."""
        believed = decider.bound(records) if partner else records
        outputs = await outbox.process(believed, decider.decide, decider.first)
        if len(outputs) < len(records):
            fetcher.wake()
        return outputs

    def acknowledged(outputs: object) -> None:
        outbox.acknowledged(outputs)  # type: ignore[arg-type]
        counted(outputs)  # type: ignore[arg-type]

    name = SERVICE if lane is Lane.LIVE else f"{SERVICE}.bulk"
    return StageSpec(
        name=f"{SERVICE}.partner.{topics.partner_of(partner.name)}" if partner else name,
        service=SERVICE,
        lane=lane,
        inputs=(partner or topics.submissions(lane),),
        model=SubmissionReceived,
        outputs=(topics.captured(lane), topics.QUARANTINE),
        handler=decide,
        max_records=500 if lane is Lane.LIVE else _BULK_BATCH,
        on_acknowledged=acknowledged,
    )


async def _follow_assignments(ctx: Context, current: Current) -> None:
    """What browsers ask for, and which lead stands for which."""
    pool = await ctx.pool(Lane.BULK)
    outcomes, merging = Outcomes(pool, current), Merging(pool)

    async def follow(records: Sequence[Record[AssignmentChanged]]) -> Sequence[Output]:
        """What browsers ask for, and which lead stands for which."""
        async with pool.acquire() as conn, conn.transaction():
            kept = await erasure.without_erased(conn, SERVICE, records)
        await merging.follow(kept)
        return await outcomes.keep(kept)

    ctx.lane(Lane.LIVE).add(
        StageSpec(
            name=f"{SERVICE}.outcomes",
            service=SERVICE,
            lane=Lane.LIVE,
            inputs=(topics.ASSIGNMENTS,),
            model=AssignmentChanged,
            outputs=(),
            handler=follow,
            rest_s=LOOK_S,
        )
    )
    ctx.task("outcomes.forget", outcomes.forget)


def _bulk_lag(ctx: Context) -> Callable[[], float]:
    """How long bulk records wait. The in-process broker's room is bounded by the spool already."""
    if ctx.settings.kafka.embedded:
        return lambda: 0.0
    lag = BulkLag(ctx.settings.kafka)
    ctx.task("bulk_lag", lag.run)
    return lambda: lag.seconds


def _gate(lane: Lane, ctx: Context) -> KafkaGate:
    producer = GateProducer(ctx.settings.kafka, f"handraise-capture-http-{lane.value}")
    taken = (topics.submissions(lane), topics.ACTIVITIES, topics.SIGNALS)
    return KafkaGate(producer, [topic.name for topic in taken], lane.value)


def _takes(gate: KafkaGate) -> Check:
    async def check() -> str | None:
        return None if gate.up else "waiting_for=kafka"

    return check


def _warn_of_missing_secrets(ctx: Context, capture: config.CaptureConfig) -> None:
    for source in capture.sources.values():
        if source.config.secret is not None and not ctx.secrets.get(source.config.secret):
            ctx.log.warning("source.without_secret", source=source.name)
        fetch = source.config.fetch
        if fetch is not None and not ctx.secrets.get(fetch.token):
            ctx.log.warning("source.without_token", source=source.name)
