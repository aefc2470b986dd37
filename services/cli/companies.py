"""``handraise companies``: the company's own table of other companies, which enrichment reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer

from services.cli import output, target
from services.cli.output import CommandError
from services.enrichment.store.companies import put_companies
from services.enrichment.table import Company, RowFault, TableError, columns, company, reader

app = typer.Typer(help="Your own table of companies.", no_args_is_help=True)

_AT_ONCE = 1000
_SHOWN = 20


@app.callback()
def companies() -> None:
    """Your own table of companies."""


@dataclass
class Report:
    """What an import did, or would do."""

    file: str
    dry_run: bool
    columns: dict[str, str]
    """Field to the column that it is read from."""
    rows: int = 0
    companies: int = 0
    repeated: int = 0
    """Rows whose domain comes again further down; the last one counts."""
    dropped: int = 0
    values_dropped: int = 0
    added: int | None = None
    changed: int | None = None
    faults: list[dict[str, Any]] = field(default_factory=list)
    """The first of them."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with a header; , ; tab or | between values.")],
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="FIELD=COLUMN; the rest is found by name.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and report, store nothing.")
    ] = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Import a CSV of companies. Their leads know what it says from their next touch on."""
    where = None if dry_run else target.find(data).postgres
    report = asyncio.run(_import(file, _chosen(map_ or []), where))
    if json:
        output.emit(asdict(report))
    else:
        _tell(report)
    if report.rows and not report.companies:
        raise CommandError(f"{file}: no row could be used")


def _chosen(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise CommandError(f"--map {pair}: must be FIELD=COLUMN", 2)
        found[name.strip()] = column.strip()
    return found


async def _import(file: Path, chosen: dict[str, str], dsn: str | None) -> Report:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return await _read(file.name, lines, chosen, dsn)
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8; save it as CSV in UTF-8") from None
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror or error}") from None
    except TableError as error:
        raise CommandError(f"{file}: {error}") from None


async def _read(name: str, lines: Iterator[str], chosen: dict[str, str], dsn: str | None) -> Report:
    header, rows = reader(lines)
    where = columns(header, chosen)
    report = Report(name, dsn is None, {one: header[index] for one, index in where.items()})
    batch: dict[str, Company] = {}
    if dsn is None:
        _take(report, rows, where, batch)
        return report
    with output.working("importing"):
        async with target.connection(dsn) as connection, connection.transaction():
            report.added = report.changed = 0
            _take(report, rows, where, batch)
            found = list(batch.values())
            for start in range(0, len(found), _AT_ONCE):
                await _put(connection, report, found[start : start + _AT_ONCE])
    return report


async def _put(connection: asyncpg.Connection, report: Report, rows: list[Company]) -> None:
    added, changed = await put_companies(connection, rows, report.file)
    report.added = (report.added or 0) + added
    report.changed = (report.changed or 0) + changed


def _take(
    report: Report,
    rows: Iterator[tuple[int, list[str]]],
    where: dict[str, int],
    batch: dict[str, Company],
) -> None:
    for line, row in rows:
        report.rows += 1
        found, faults = company(line, row, where)
        for fault in faults:
            _note(report, fault)
        if found is not None:
            report.repeated += found.domain in batch
            batch[found.domain] = found
    report.companies = len(batch)


def _note(report: Report, fault: RowFault) -> None:
    if fault.dropped:
        report.dropped += 1
    else:
        report.values_dropped += 1
    if len(report.faults) < _SHOWN:
        report.faults.append({"line": fault.line, "message": fault.message})


def _tell(report: Report) -> None:
    read = ", ".join(f"{one} from {title!r}" for one, title in report.columns.items())
    output.stdout.print(f"read {read}", markup=False)
    unread = f"{report.dropped} rows dropped, {report.values_dropped} values left out"
    output.stdout.print(
        f"{report.rows} rows: {report.companies} companies, {report.repeated} repeated, {unread}",
        markup=False,
    )
    if report.dry_run:
        output.stdout.print("dry run: nothing was stored")
    else:
        output.stdout.print(f"{report.added} new, {report.changed} changed", markup=False)
    output.show(report.faults, ["line", "message"], "no fault")
