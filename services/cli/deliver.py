"""``handraise deliver``: what waits for each sink, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

import asyncpg
import typer

from schemas.assignment import Rep
from services.cli import output, target, whoami
from services.cli.output import CommandError
from services.delivery import trial
from services.delivery.config import DeliveryFile, parse
from services.delivery.store import operating, sinks
from services.runtime.configstore import ConfigStore
from services.runtime.installation import LEAD_ID_KEY

T = TypeVar("T")

app = typer.Typer(help="Deliveries: test, status, log, retry, pause, resume.", no_args_is_help=True)

SinkArgument = Annotated[str, typer.Argument(help="As delivery.yaml names it.")]


@app.command()
def status(data: output.DataOption = None, json: output.JsonOption = False) -> None:
    """How many wait, arrived, were not needed any more or were given up, for each sink."""

    async def ask(conn: asyncpg.Connection, config: DeliveryFile) -> list[dict[str, object]]:
        enabled = {name: sink.enabled for name, sink in config.sinks.items()}
        return await operating.status(conn, enabled)

    rows = _with(target.find(data), ask)
    if json:
        output.emit({"sinks": rows})
    else:
        columns = ["sink", "waiting", "oldest_waiting", "delivered", "skipped", "dead", "stopped"]
        output.show(rows, columns, "delivery.yaml names no sink")


@app.command("list")
def list_(
    sink: Annotated[str | None, typer.Option(help="Only of this sink.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """What was given up, the latest first."""

    async def ask(conn: asyncpg.Connection, _: DeliveryFile) -> list[dict[str, object]]:
        return await operating.dead(conn, sink, limit)

    rows = _with(target.find(data), ask)
    if json:
        output.emit({"dead": rows})
    else:
        columns = ["delivery_id", "sink", "lead_id", "reason", "attempts", "done_at"]
        output.show(rows, columns, "nothing was given up")


@app.command()
def log(
    sink: Annotated[str | None, typer.Option(help="Only of this sink.")] = None,
    lead: Annotated[UUID | None, typer.Option(help="Only about this lead.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Every attempt, the latest first. A webhook's id is `msg_` and the delivery's, without `-`."""

    async def ask(conn: asyncpg.Connection, _: DeliveryFile) -> list[dict[str, object]]:
        return await operating.log(conn, sink, lead, limit)

    rows = _with(target.find(data), ask)
    if json:
        output.emit({"attempts": rows})
    else:
        rows = [{**row, "took": f"{row['seconds']:.2f} s"} for row in rows]
        columns = ["at", "sink", "delivery_id", "sequence", "number", "outcome", "detail", "took"]
        output.show(rows, columns, "nothing was sent yet")


@app.command()
def retry(
    sink: SinkArgument,
    ids: Annotated[list[UUID] | None, typer.Argument(help="As `deliver list` names them.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that was given up.")] = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Try again what was given up."""
    if bool(ids) is all_:
        raise CommandError("name deliveries, or give --all", 2)

    async def ask(conn: asyncpg.Connection, config: DeliveryFile) -> int:
        _known(config, sink)
        return await operating.retry(conn, sink, ids)

    count = _with(target.find(data), ask)
    _said(json, f"{count} will be tried again", sink=sink, retried=count)


@app.command()
def pause(
    sink: SinkArgument, data: output.DataOption = None, json: output.JsonOption = False
) -> None:
    """Send nothing to a sink; what is for it waits."""

    async def ask(conn: asyncpg.Connection, config: DeliveryFile) -> None:
        _known(config, sink)
        await sinks.pause(conn, sink, whoami.operator())

    _with(target.find(data), ask)
    _said(json, f"{sink} is paused", sink=sink, paused=True)


@app.command()
def resume(
    sink: SinkArgument, data: output.DataOption = None, json: output.JsonOption = False
) -> None:
    """Send to a sink again that was paused or out of order."""

    async def ask(conn: asyncpg.Connection, config: DeliveryFile) -> None:
        _known(config, sink)
        await sinks.resume(conn, sink)

    _with(target.find(data), ask)
    _said(json, f"{sink} is sent to again", sink=sink, paused=False)


@app.command("test")
def try_(
    sink: SinkArgument,
    to: Annotated[
        str, typer.Option(help="Address of who gets it; for a CRM, of a rep whom it knows.")
    ] = "",
    slack_id: Annotated[str, typer.Option(help="Slack id of who gets it.")] = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Send one made-up message to a sink, now; it says whether the sink took it."""
    where = target.find(data)
    ids = {"slack": slack_id} if slack_id else {}
    rep = Rep(id="test", name="Test", email=to, external_ids=ids)

    async def ask(conn: asyncpg.Connection, config: DeliveryFile) -> tuple[str, str]:
        _known(config, sink)
        them = await trial.known_there(conn, rep, config.sinks[sink])
        names = [name for _, name in config.sinks[sink].secrets()]
        found = {name: where.secret(name) for name in names}
        secrets = {name: [value.encode()] for name, value in found.items() if value}
        async with asyncpg.create_pool(where.postgres, min_size=0, max_size=1) as pool:
            key = (where.secret(LEAD_ID_KEY) or "").encode()
            return await trial.send(config, sink, secrets, them, trial.logins(pool, key))

    outcome, detail = _with(where, ask)
    if json:
        output.emit({"sink": sink, "outcome": outcome, "detail": detail})
    if outcome != "delivered":
        raise CommandError(f"{sink} did not take it: {outcome} {detail}".strip())
    if not json:
        output.say(f"{sink} has it")


def _with(
    where: target.Target, ask: Callable[[asyncpg.Connection, DeliveryFile], Awaitable[T]]
) -> T:
    """``ask`` with a connection and what the active configuration says of delivery."""

    async def run() -> T:
        async with target.connection(where.postgres) as connection:
            _, files = await ConfigStore().active(connection)
            return await ask(connection, parse(files))

    return asyncio.run(run())


def _known(config: DeliveryFile, sink: str) -> None:
    if sink not in config.sinks:
        known = ", ".join(sorted(config.sinks)) or "none"
        raise CommandError(f"there is no sink {sink!r}; there are {known}", 2)


def _said(json: bool, sentence: str, **values: object) -> None:
    if json:
        output.emit(values)
    else:
        output.say(sentence)
