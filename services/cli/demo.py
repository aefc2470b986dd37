"""``handraise demo``: starts everything, sends sample hand-raises, shows who gets them and why.

It keeps its own books from the public topics only, so its last line is a proof, not a claim.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import httpx
import typer

from schemas.assignment import AssignmentChanged
from schemas.submission import SubmissionQuarantined
from services.cli import announce, bus, configfiles, output, target, up, watch
from services.cli.bookkeeper import Bookkeeper
from services.cli.ends import ENDS, Books
from services.cli.samples import Sample, samples
from services.cli.send import Sender, accepted, loaded
from services.runtime.datafolder import Running

_RATE = 25.0
"""Samples per second: quick to watch, slow enough that nothing queues."""
_QUIET_S = 30.0
"""So long without any end, and the rest counts as unaccounted."""
_UNACCOUNTED = 1


def demo(
    leads: Annotated[int, typer.Option(help="How many sample submissions.", min=1)] = 50,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep running afterwards and show what comes in.")
    ] = False,
    kafka: Annotated[str, typer.Option(help="As of `up`.")] = "embedded",
    postgres: Annotated[str, typer.Option(help="As of `up`.")] = "embedded",
    data: Annotated[Path | None, typer.Option(help="Data folder.")] = None,
    port: Annotated[int | None, typer.Option(help="Of capture's HTTP.", min=0, max=65535)] = None,
    config: Annotated[Path | None, typer.Option(help="Configuration folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The last line is the summary.")] = False,
) -> None:
    """Run on samples in vendors' formats. Exit 1 when one has no end."""
    folder = target.data_folder(data)
    options = up.Options(folder, configfiles.folder(config), kafka, postgres, port)
    show = Demo(leads, keep, json)

    async def work(running: Running) -> None:
        if keep and not json:
            announce.tell(running, folder)
        await show.run(target.find(folder))

    code = up.run(options, work, stay=keep)
    raise typer.Exit(code or show.code)


class Demo:
    """One run: the books, and what a person sees of it."""

    def __init__(self, leads: int, keep: bool, json: bool) -> None:
        self._leads, self._keep, self._json = leads, keep, json
        self._books = Books()
        self.code = 0

    async def run(self, where: target.Target) -> None:
        """Send, watch, wait for the ends, say what came out."""
        keeper = Bookkeeper(self._books, None if self._json else _show)
        async with keeper.reading(where.kafka) as watching:
            await self._send(where)
            await keeper.settled(_QUIET_S)
            self._summary(where)
            if self._keep:
                output.say("\nstill running; new assignments show here, Ctrl-C ends everything")
                await watching

    async def _send(self, where: target.Target) -> None:
        # Named by the second, so that a second demo on the same data meets new people.
        run = format(int(time.time()), "x")
        async with (
            Sender(where, loaded(where, None)) as sender,
            asyncio.TaskGroup() as group,
        ):
            for sample in islice(samples(run, datetime.now(UTC)), self._leads):
                group.create_task(self._post(sender, sample))
                await asyncio.sleep(1 / _RATE)

    async def _post(self, sender: Sender, sample: Sample) -> None:
        response: httpx.Response = await sender.post(sample.source, sample.body)
        answer = accepted(response)
        if answer is None:
            output.say(f"refused: {response.status_code} {response.text[:200]}")
            return
        self._books.answered(*answer)
        if sample.note and not self._json:
            output.stdout.print(
                f"{'':25}{answer[1]:<11}{sample.note} ({sample.source})", style="dim"
            )

    def _summary(self, where: target.Target) -> None:
        broker = where.running.broker if where.running else "external"
        summary = {**self._books.summary(), "broker": broker}
        if self._books.unaccounted:
            self.code = _UNACCOUNTED
        if self._json:
            output.emit(summary)
            return
        ends = ", ".join(f"{summary[end]} {end.replace('_', '-')}" for end in ENDS if summary[end])
        output.stdout.print(
            f"\n{summary['accepted']} accepted ({summary['duplicates']} sent twice): {ends}; "
            f"{summary['unaccounted']} unaccounted",
            style="bold",
        )
        speed = self._books.speed_ms()
        output.stdout.print(
            f"speed to assignment, {broker} broker: p50 {speed['p50']} ms, p90 {speed['p90']} ms, "
            f"p99 {speed['p99']} ms, max {speed['max']} ms"
        )


def _show(seen: bus.Seen, now: float) -> None:
    match seen:
        case AssignmentChanged():
            output.stdout.print(watch.line(seen, now))
        case SubmissionQuarantined():
            _aside(seen.disposition, f"{seen.reason}: {seen.detail}")
        case bus.DeadLettered():
            _aside("dead", f"on {seen.topic}")


def _aside(what: str, text: str) -> None:
    output.stdout.print(f"{'':20}{what:<13}{text}", style="dim", markup=False)
