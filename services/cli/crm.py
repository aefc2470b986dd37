"""``handraise crm``: read a CRM now, and see how far it was read and what people changed there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from services.cli import output, target
from services.cli.output import CommandError
from services.delivery.config import CrmSync, DeliveryFile, HubSpotSink, SalesforceSink, parse
from services.delivery.crm import byhand
from services.delivery.crm.byhand import ByHand, CrmSink
from services.delivery.crm.model import Halted
from services.delivery.sinks.registry import Unconfigured
from services.runtime import logs
from services.runtime.configstore import ConfigStore

T = TypeVar("T")

app = typer.Typer(
    help="HubSpot and Salesforce: read accounts and owners, see what was read.",
    no_args_is_help=True,
)


@app.command()
def sync(
    sink: Annotated[
        str | None, typer.Argument(help="As delivery.yaml names it; needed where there are two.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="All accounts anew, not only what changed.")
    ] = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Read owners, accounts and changes of owners now; goes on where a reading stopped."""
    where = target.find(data)

    async def read(crm: ByHand, config: CrmSink) -> list[dict[str, Any]]:
        wanted = config.sync or CrmSync()
        with output.working("reads the CRM"):
            done = await crm.sync(wanted, full=full)
        return [{"stream": one.stream.value, "read": one.items, "fault": one.fault} for one in done]

    rows = opened(where, sink, read)
    if json:
        output.emit({"streams": rows})
    else:
        output.show(rows, ["stream", "read", "fault"], "nothing was read")
    if faults := [f"{row['stream']}: {row['fault']}" for row in rows if row["fault"]]:
        raise CommandError("; ".join(faults))


@app.command()
def status(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Of the changes.")] = 50,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """How far each CRM was read, why it stopped, and what people changed there."""
    where = target.find(data)

    async def ask() -> dict[str, Any]:
        async with target.connection(where.postgres) as conn:
            return await byhand.status(conn, limit)

    found = asyncio.run(ask())
    if json:
        output.emit(found)
        return
    columns = ["sink", "stream", "read_until", "under_way", "ran_at", "fault"]
    output.show(found["streams"], columns, "no CRM was read yet")
    if found["changes"]:
        output.stdout.print("\nowners that people changed, the newest first", markup=False)
        columns = ["sink", "record", "lead_id", "owner", "actor", "changed_at", "outcome"]
        output.show(found["changes"], columns, "")


def opened(
    where: target.Target, named: str | None, ask: Callable[[ByHand, CrmSink], Awaitable[T]]
) -> T:
    """Ask a CRM of the active configuration.

    :param named: the sink, or its type where there is but one of it.
    :raises CommandError: there is no such CRM, or it does not answer.
    """
    logs.configure("console", "warning")

    async def work() -> T:
        async with target.connection(where.postgres) as conn:
            _, files = await ConfigStore().active(conn)
        name, config = chosen(parse(files), named)
        found = {secret: where.secret(secret) for _, secret in config.secrets()}
        secrets = {secret: [value.encode()] for secret, value in found.items() if value}
        async with byhand.opened(where.postgres, name, config, secrets, _waits) as crm:
            return await ask(crm, config)

    try:
        return asyncio.run(work())
    except Unconfigured as fault:
        raise CommandError(str(fault)) from None
    except byhand.Busy as busy:
        raise CommandError(f"{busy} is being read right now; try again later") from None
    except Halted as halted:
        raise CommandError(f"the CRM does not answer as it should: {halted.reason}") from None
    except TimeoutError:
        raise CommandError("the CRM gives no answer within its time-out") from None


def chosen(config: DeliveryFile, named: str | None) -> tuple[str, CrmSink]:
    """The CRM of that name, else of that type, else the only one.

    :raises CommandError: none is, or several are.
    """
    every = {
        name: sink
        for name, sink in config.sinks.items()
        if isinstance(sink, HubSpotSink | SalesforceSink)
    }
    if named in every:
        return named, every[named]
    found = [(name, sink) for name, sink in every.items() if named in (None, sink.type)]
    if len(found) > 1 and named is None:
        found = [(name, sink) for name, sink in found if sink.enabled]
    if len(found) != 1:
        known = ", ".join(sorted(every)) or "none"
        raise CommandError(f"which CRM? delivery.yaml has {known}", 2)
    return found[0]


def _waits(reason: str, seconds: float) -> None:
    output.say(f"the CRM asks for a pause ({reason}): {seconds:.0f} s")
