"""``handraise sources``: who may hand in leads, and what is missing before the first one does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.topics import partner_topic
from services.capture.adapters.presets import PRESETS
from services.capture.config import API, CaptureConfig, Source, is_feed
from services.capture.config import feeds as config_feeds
from services.capture.store import feeds
from services.capture.store.feeds import FeedTime
from services.cli import output, target
from services.cli.send import loaded
from services.runtime.configfile import ConfigError
from services.runtime.secretvalues import PREFIX_OF_KEYS

app = typer.Typer(help="List the sources of leads and check them.", no_args_is_help=True)

ConfigOption = Annotated[Path | None, typer.Option(help="Configuration folder.")]
_TAKES_LISTED_EVENTS_ONLY = "segment"
_IDENTITY = {"email", "phone", "external_id"}


@app.command("list")
def list_(
    config: ConfigOption = None, data: output.DataOption = None, json: output.JsonOption = False
) -> None:
    """Each source with its address, whether its secret is set, and how far it is verified.

    Of a source that tells what happened it says when it spoke last, where a database is known.
    """
    where = target.find(data)
    heard = _heard(where)
    rows = [_row(source, where, heard) for source in _sources(loaded(where, config))]
    if json:
        output.emit({"sources": rows})
    else:
        columns = ["name", "adapter", "kind", "address", "secret", "evidence", "last_event"]
        output.show(rows, columns, "sources.yaml names no source")


@app.command()
def check(
    config: ConfigOption = None, data: output.DataOption = None, json: output.JsonOption = False
) -> None:
    """Name what would cost a source its leads. Exit 1 when there is anything."""
    where = target.find(data)
    findings = list(_findings(where, config))
    if json:
        output.emit({"findings": findings})
    else:
        output.show(findings, ["source", "finding"], "every source can take leads")
    if findings:
        raise typer.Exit(1)


def _sources(config: CaptureConfig) -> list[Source]:
    return sorted(config.sources.values(), key=lambda source: source.name)


Heard = dict[str, FeedTime]


def _heard(where: target.Target) -> Heard:
    """When each feed spoke last; nothing where there is no database to ask."""
    if where.running is None and where.environment.postgres is None:
        return {}

    async def read() -> Heard:
        async with target.connection(where.postgres) as connection:
            return await feeds.read(connection)

    return asyncio.run(read())


def _row(source: Source, where: target.Target, heard: Heard) -> dict[str, Any]:
    missing = [name for name, _ in _secrets(source) if not where.secret(name)]
    wanted = bool(_secrets(source))
    return {
        "name": source.name,
        "adapter": source.config.adapter,
        "kind": source.config.kind.value,
        "address": _address(source),
        "secret": ("missing" if missing else "set") if wanted else "none",
        "evidence": source.adapter.evidence.value,
        "last_event": _last_event(heard.get(source.name)) if is_feed(source) else None,
        "last_event_at": known.last_event_at if (known := heard.get(source.name)) else None,
    }


def _last_event(known: FeedTime | None) -> str | None:
    if known is None:
        return None
    if known.last_event_at is None:
        return "never"
    return f"{_ago(known.last_event_at)} ago"


def _ago(at: datetime) -> str:
    """A length of time for a person: 3d, 5h, 12m."""
    seconds = max(int((datetime.now(UTC) - at).total_seconds()), 0)
    for name, unit in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * unit:
            return f"{seconds // unit}{name}"
    return f"{seconds}s"


def _address(source: Source) -> str:
    if source.config.topic is not None:
        return partner_topic(source.name)
    return "/v1/leads" if source.config.adapter == API else f"/hooks/{source.name}"


def _secrets(source: Source) -> list[tuple[str, str]]:
    """The secrets that a source cannot do without, each with what it is for."""
    config = source.config
    named = [
        (config.secret, "nothing that it sends can be proven, so all of it is refused"),
        (config.verify_token, "the vendor's check of the address cannot be answered"),
        (config.fetch.token if config.fetch else None, "its leads cannot be read from the vendor"),
    ]
    return [(name, why) for name, why in named if name]


def _findings(where: target.Target, config: Path | None) -> Iterator[dict[str, str]]:
    try:
        found = loaded(where, config)
    except ConfigError as error:
        # A mapping to a place that there is not, a source without a secret's name, a typing error.
        for fault in error.faults:
            yield {"source": "", "finding": str(fault)}
        return
    heard, stale_after = _heard(where), config_feeds(found)
    for source in _sources(found):
        for name, why in _secrets(source):
            if not where.secret(name):
                finding = f"{PREFIX_OF_KEYS}{name} is not set: {why}"
                yield {"source": source.name, "finding": finding}
        yield from _unmapped(source)
        yield from _stale(source, stale_after.get(source.name), heard.get(source.name))
        if source.config.adapter == _TAKES_LISTED_EVENTS_ONLY and not source.config.events:
            yield {"source": source.name, "finding": "takes nothing: name its `events`"}


def _unmapped(source: Source) -> Iterator[dict[str, str]]:
    preset = PRESETS.get(source.config.preset or "")
    if preset and preset.opaque and not _IDENTITY & set(source.config.mapping.values()):
        finding = "no `mapping` leads to email or phone: all that it sends will be quarantined"
        yield {"source": source.name, "finding": finding}


def _stale(
    source: Source, stale_after: timedelta | None, known: FeedTime | None
) -> Iterator[dict[str, str]]:
    if stale_after is None or known is None or datetime.now(UTC) - known.fresh_at <= stale_after:
        return
    said = "has told nothing" if known.last_event_at else "has never told anything"
    finding = f"{said} for {_ago(known.fresh_at)}: is its webhook still on in the tool?"
    yield {"source": source.name, "finding": finding}
