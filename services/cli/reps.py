"""``handraise reps``: who takes leads now and why not, and what operators change about it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from services.cli import output, target
from services.cli.leavecalendar import calendar
from services.cli.output import CommandError
from services.cli.repdesk import Rows, author, away, caps, changers, run, shown
from services.cli.repsimport import import_
from services.kernel.durations import duration
from services.routing.staff import Staff
from services.routing.staff.leaves import from_calendar

app = typer.Typer(help="People: list, show, pause, resume, leave, cap, offboard, import.",
                  no_args_is_help=True)  # fmt: skip

app.command("import")(import_)

RepArgument = Annotated[str, typer.Argument(help="As teams.yaml names the person.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the change and shown.")]
Until = Annotated[
    str | None, typer.Option(help="2026-12-01 or 2026-12-01T14:00, on the person's own clock.")
]


@app.command("list")
def list_(
    pool: Annotated[str | None, typer.Option(help="Only members of this pool.")] = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Everybody: who can take a lead now, and why the others cannot."""
    rows = run(data, lambda desk: desk.reps.every(pool))
    if json:
        output.emit({"reps": rows})
        return
    table = [
        {
            "id": one["id"],
            "role": one["role"],
            "now": "takes leads" if one["available"] else away(one),
            "caps": caps(one),
            "pools": [f"{name} x{weight}" for name, weight in one["pools"].items()],
            "changed_by": changers(one),
        }
        for one in rows
    ]
    output.show(table, ["id", "role", "now", "caps", "pools", "changed_by"], "nobody")


@app.command()
def show(
    rep: RepArgument,
    at: Annotated[str | None, typer.Option(help="At another time than now.")] = None,
    known_at: Annotated[str | None, typer.Option(help="As it was known then.")] = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """One person: each value with its origin, and the history of changes."""

    async def ask(desk: Staff) -> Rows:
        zone = desk.reps.zone(rep)
        return await desk.reps.one(rep, _moment(at, zone), _moment(known_at, zone))

    shown(run(data, ask), json)


@app.command()
def pause(
    rep: RepArgument,
    until: Until = None,
    for_: Annotated[str | None, typer.Option("--for", help="So long, e.g. 2h or 3d.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Later than now.")] = None,
    reason: Reason = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """No new leads, at once or from a time on, until a time or until resumed."""
    if until is not None and for_ is not None:
        raise CommandError("either --until or --for")

    async def ask(desk: Staff) -> Rows:
        zone = desk.reps.zone(rep)
        begins, ends = _moment(start, zone), _moment(until, zone)
        if for_ is not None:
            ends = (begins or datetime.now(UTC)) + _length(for_)
        return await desk.reps.pause(author(reason), rep, begins, ends)

    shown(run(data, ask), json)


@app.command()
def resume(
    rep: RepArgument,
    reason: Reason = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """End pauses, and undo an offboarding."""
    shown(run(data, lambda desk: desk.reps.resume(author(reason), rep)), json)


@app.command()
def leave(
    rep: RepArgument,
    first: Annotated[str | None, typer.Option("--from", help="First day away.")] = None,
    last: Annotated[str | None, typer.Option("--until", help="Last day away.")] = None,
    backup: Annotated[str | None, typer.Option(help="Who stands in.")] = None,
    cancel: Annotated[int | None, typer.Option(help="Take back the leave of this number.")] = None,
    ical: Annotated[
        str | None, typer.Option("--ical", help="The person's calendar: an .ics file or https URL.")
    ] = None,
    reason: Reason = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Whole days away; new leads stop some working days before, as teams.yaml says."""
    if cancel is not None:
        shown(run(data, lambda desk: desk.reps.cancel_leave(author(reason), rep, cancel)), json)
        return
    if ical is not None:
        text = calendar(ical)
        found = run(data, lambda desk: from_calendar(desk.reps, author(reason), rep, text))
        shown(found, json)
        said = found["calendar"]
        output.say(f"{said['added']} leaves read, {said['taken_back']} taken back")
        return
    if first is None or last is None:
        raise CommandError("a leave has --from and --until (days, both included)")
    days = _day(first), _day(last)
    shown(run(data, lambda desk: desk.reps.leave(author(reason), rep, *days, backup)), json)


@app.command()
def cap(
    rep: RepArgument,
    hour: Annotated[str | None, typer.Option(help="Leads an hour, or none.")] = None,
    day: Annotated[str | None, typer.Option(help="Leads a day, or none.")] = None,
    week: Annotated[str | None, typer.Option(help="Leads a week, or none.")] = None,
    open_: Annotated[str | None, typer.Option("--open", help="Not yet worked, or none.")] = None,
    reset: Annotated[bool, typer.Option(help="Back to the configured limits.")] = False,
    until: Until = None,
    reason: Reason = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Other limits than the configured ones."""
    given = {"hour": hour, "day": day, "week": week, "open": open_}
    limits = {name: _limit(text) for name, text in given.items() if text is not None}
    if reset is bool(limits):
        raise CommandError("either --reset, or one of --hour, --day, --week, --open")

    async def ask(desk: Staff) -> Rows:
        if reset:
            return await desk.reps.uncap(author(reason), rep)
        ends = _moment(until, desk.reps.zone(rep))
        return await desk.reps.cap(author(reason), rep, limits, ends)

    shown(run(data, ask), json)


@app.command()
def offboard(
    rep: RepArgument,
    to: Annotated[
        str | None, typer.Option(help="Who gets the leads; else whose turn it is in each pool.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen.")] = False,
    reason: Reason = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Somebody leaves: no new leads, and the leads they have go to others."""
    done = run(data, lambda desk: desk.offboarding.run(author(reason), rep, to, dry_run=dry_run))
    if json:
        output.emit(done)
        return
    rows = [
        {"lead": one.lead_id, "was": one.was, "now": one.status, "rep": one.rep, "pool": one.pool}
        for one in done["leads"]
    ]
    output.show(rows, ["lead", "was", "now", "rep", "pool"], f"{rep} has no leads")
    for warning in done["warnings"]:
        output.say(f"note: {rep} {warning}" if not warning.startswith("pool") else warning)
    verb = "would move" if dry_run else "moved"
    output.say(f"{verb} {done['moved']} leads{' or more' if done['more'] else ''}")


# -- what people write --------------------------------------------------------------------------
def _moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no time; write 2026-12-01 or 2026-12-01T14:00") from None
    return target.utc(found, zone)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no day; write 2026-12-01") from None


def _length(text: str) -> timedelta:
    try:
        return duration(text)
    except ValueError as fault:
        raise CommandError(f"--for: {fault}") from None


def _limit(text: str) -> int | None:
    if text == "none":
        return None
    if not text.isascii() or not text.isdigit():
        raise CommandError(f"{text!r} is no limit; write a number, or none")
    return int(text)
