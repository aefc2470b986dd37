"""Builds the delivery service: a stage that stores, a worker for each sink, doors for reps."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import structlog
from pydantic_core import to_json

from schemas.activity import ActivityName, ActivityRecorded, is_other_than
from schemas.assignment import AssignmentChanged
from schemas.base import Lane
from schemas.people import PersonChanged
from schemas.topics import ACTIVITIES, ASSIGNMENTS, PEOPLE, TOUCHES, TopicSpec
from schemas.touch import TouchDue
from services.delivery.acting import SERVICE, Acting
from services.delivery.composing import Composer
from services.delivery.config import DeliveryFile, SlackSink, missing_secrets, parse
from services.delivery.crm.changes import Changes
from services.delivery.crm.periodic import Periodic
from services.delivery.crm.sync import Sync
from services.delivery.following import Following
from services.delivery.handlers import Directory, Dispatcher, Forgetting, Reminders, Unsubscribing
from services.delivery.http import Doors, router
from services.delivery.logins import StoredLogins
from services.delivery.persons import persons_of
from services.delivery.sinks.registry import Registry
from services.delivery.tokens import Tokens
from services.delivery.worker import Parts
from services.delivery.workers import Workers
from services.runtime import erasure
from services.runtime.installation import LEAD_ID_KEY
from services.runtime.outside import Forbidden
from services.runtime.service import Context
from services.runtime.stage import StageSpec
from services.runtime.stage.spec import E, Handler, PassesOver

log = structlog.get_logger(__name__)


async def build(ctx: Context) -> None:
    """Declare what this process does; the shell starts it."""
    live = await ctx.config(parse)

    def config() -> DeliveryFile:
        return live.current.value

    for path, message in missing_secrets(config(), frozenset(ctx.secrets.names())):
        log.warning("sink.without_secret", sink=path[1], reason=message)
    pool = await ctx.pool(Lane.BULK)
    outbox = ctx.outbox("delivery", Lane.LIVE)
    secret = ctx.secrets.get(LEAD_ID_KEY)[0]
    tokens = Tokens(secret)
    registry = Registry(ctx.secrets, _now, StoredLogins(pool, secret, _now))
    composer = Composer(config, tokens, _public_url(ctx), _now, ctx.settings.clock_scale)
    persons = partial(persons_of, secret)
    following = Following(outbox, _now)
    parts = Parts(pool, composer, following, ctx.metrics, _now, persons)
    workers = Workers(config, registry, parts)
    _declare_stages(
        ctx,
        Dispatcher(outbox, config, workers.wake),
        Reminders(outbox, config, workers.wake),
        Directory(pool),
        Unsubscribing(outbox, secret),
    )
    ctx.lane(Lane.LIVE).add(
        erasure.stage(SERVICE, outbox, Forgetting(config).forget, lane=Lane.LIVE)
    )
    doors = Doors(
        acting=Acting(await ctx.pool(Lane.LIVE), outbox, _now),
        tokens=tokens,
        signing_secrets=_signing_secrets(config, ctx.secrets),
        now=time.time,
        tell=_teller(config, registry),
    )
    ctx.app.include_router(router(doors))
    ctx.task("sinks", workers.run)
    sync = Sync(pool, outbox, Changes(pool, following, ctx.metrics), ctx.metrics, _now)
    ctx.task("crm", Periodic(config, Registry(ctx.secrets, _now), pool, sync, ctx.metrics).run)


def _declare_stages(
    ctx: Context,
    dispatcher: Dispatcher,
    reminders: Reminders,
    directory: Directory,
    unsubscribing: Unsubscribing,
) -> None:
    read = partial(_read, ctx)
    read("delivery", ASSIGNMENTS, AssignmentChanged, dispatcher.handle)
    read("delivery.touches", TOUCHES, TouchDue, reminders.handle)
    read("delivery.people", PEOPLE, PersonChanged, directory.handle, lane=Lane.BULK)
    read(
        "delivery.activities",
        ACTIVITIES,
        ActivityRecorded,
        unsubscribing.handle,
        passes_over=partial(is_other_than, ActivityName.UNSUBSCRIBED),
    )


def _read(
    ctx: Context,
    name: str,
    topic: TopicSpec,
    model: type[E],
    handler: Handler[E],
    *,
    lane: Lane = Lane.LIVE,
    passes_over: PassesOver | None = None,
) -> None:
    """A stage that publishes nothing itself: what it has to say waits in the outbox."""
    spec = StageSpec(
        name=name,
        service=SERVICE,
        lane=lane,
        inputs=(topic,),
        model=model,
        outputs=(),
        handler=handler,
        passes_over=passes_over,
    )
    ctx.lane(lane).add(spec)


def _public_url(ctx: Context) -> Callable[[], str]:
    http = ctx.settings.http
    if http.public_url is None and http.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        log.warning("delivery.no_public_url", reason="set HANDRAISE_HTTP__PUBLIC_URL")
    return lambda: http.public_url or f"http://{http.host}:{http.port}"


def _signing_secrets(
    config: Callable[[], DeliveryFile], secrets: Mapping[str, list[bytes]]
) -> Callable[[], list[bytes]]:
    def live() -> list[bytes]:
        names = {
            sink.signing_secret
            for sink in config().sinks.values()
            if isinstance(sink, SlackSink) and sink.enabled and sink.signing_secret
        }
        return [secret for name in sorted(names) for secret in secrets.get(name) or []]

    return live


def _teller(
    config: Callable[[], DeliveryFile], registry: Registry
) -> Callable[[str, str], Awaitable[None]]:
    async def tell(url: str, sentence: str) -> None:
        """One attempt: what is told here the message says as well, a moment later."""
        for sink in config().sinks.values():
            if isinstance(sink, SlackSink) and sink.enabled and sink.token:
                body = to_json({"response_type": "ephemeral", "text": sentence})
                headers = {"content-type": "application/json"}
                try:
                    await registry.outside(sink).request("POST", url, headers=headers, body=body)
                except (Forbidden, OSError) as error:
                    log.warning("slack.not_told", error=type(error).__name__)
                return

    return tell


def _now() -> datetime:
    return datetime.now(UTC)
