"""``handraise accounts``: the companies that sales knows, and whose they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from services.cli import output, routing_api, target
from services.cli.output import CommandError
from services.kernel.csvrecords import records

app = typer.Typer(help="The accounts table: import, look up, try a match.", no_args_is_help=True)

CHUNK_BYTES = 900_000
"""Of one request; a larger file is handed in piece by piece."""
_SHOWN = 20

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Only say what would change; nothing is stored.")
]


@app.command("import")
def bring_in(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8 with a header.")],
    dry_run: DryRunOption = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Import accounts: a line is the whole truth about its account, others stay as they are."""
    total: dict[str, Any] = {"created": 0, "updated": 0, "unchanged": 0, "faults": [], "notes": []}
    where = target.find(data)
    with routing_api.client(where) as client, output.working("imports accounts"):
        for first_line, text in pieces(file):
            _add(total, _send(client, text, first_line, dry_run))
    total["dry_run"] = dry_run
    if json:
        output.emit(total)
    else:
        _tell(total)
    if total["faults"]:
        raise CommandError(f"{len(total['faults'])} lines were left out")


@app.command()
def show(
    account: Annotated[str, typer.Argument(help="Id or domain.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Show the account of an id or a domain."""
    with routing_api.client(target.find(data)) as client:
        found = routing_api.answered(client.get(routing_api.path("accounts", account)))
    if json:
        output.emit(found)
        return
    for one in found:
        one["owners"] = ", ".join(f"{kind}: {owner}" for kind, owner in one["owners"].items())
    columns = ["id", "name", "domains", "country", "owners", "open_opportunity", "customer"]
    output.show(found, [*columns, "named", "contacts"], "there is none")


@app.command()
def match(
    domain: Annotated[str | None, typer.Option(help="Of the lead's address.")] = None,
    company: Annotated[str | None, typer.Option(help="As the person wrote it.")] = None,
    country: Annotated[str | None, typer.Option(help="Two letters.")] = None,
    postal_code: Annotated[str | None, typer.Option()] = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Try which account such a lead would belong to, and why not another one."""
    asked = {"domain": domain, "company": company, "country": country, "postal_code": postal_code}
    given = {name: value for name, value in asked.items() if value}
    if not given:
        raise CommandError("give at least --domain or --company", 2)
    with routing_api.client(target.find(data)) as client:
        found = routing_api.answered(client.get("/v1/accounts/match", params=given))
    if json:
        output.emit(found)
        return
    output.show(
        found["candidates"], ["id", "name", "domains", "country", "score", "lost"], "no account"
    )


@app.command()
def remove(
    account: Annotated[str, typer.Argument(help="Id.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Forget an account; its leads stay with who has them."""
    with routing_api.client(target.find(data)) as client:
        found = routing_api.answered(client.delete(routing_api.path("accounts", account)))
    if json:
        output.emit(found)
    else:
        output.say(f"account {account} is forgotten")


def pieces(file: Path) -> Iterator[tuple[int, str]]:
    """The file in pieces of whole records, each with the header; with the line that it starts at.

    :raises CommandError: the file cannot be read.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            yield from _pieces(lines)
    except OSError as error:
        raise CommandError(f"{file}: {error.strerror}", 2) from None
    except UnicodeDecodeError:
        raise CommandError(f"{file} is not UTF-8; save it as CSV in UTF-8", 2) from None


def _pieces(lines: Iterator[str]) -> Iterator[tuple[int, str]]:
    found = records(lines)
    header = next((one.text for one in found), "")
    # The header stands in front of every piece, so the first line counts as one line before.
    first, kept, size, number = 1, [header], len(header.encode()), 1
    for record in found:
        more = len(record.text.encode())
        if size + more > CHUNK_BYTES and len(kept) > 1:
            yield first, "".join(kept)
            first, kept, size = number, [header], len(header.encode())
        kept.append(record.text)
        size += more
        number += record.lines
    yield first, "".join(kept)


def _send(client: httpx.Client, text: str, first_line: int, dry_run: bool) -> dict[str, Any]:
    response = client.post(
        "/v1/accounts/import",
        content=text.encode(),
        params={"dry_run": dry_run, "first_line": first_line},
        headers={"content-type": "text/csv"},
    )
    answer: dict[str, Any] = routing_api.answered(response)
    return answer


def _add(total: dict[str, Any], more: dict[str, Any]) -> None:
    for name in ("created", "updated", "unchanged"):
        total[name] += more[name]
    for name in ("faults", "notes"):
        total[name] += more[name]


def _tell(total: dict[str, Any]) -> None:
    for name, label in (("faults", "left out"), ("notes", "note")):
        for one in total[name][:_SHOWN]:
            place = f"line {one['line']} {one['column']}".rstrip()
            output.say(f"{place}: {one['message']} ({label})")
        if len(total[name]) > _SHOWN:
            output.say(f"and {len(total[name]) - _SHOWN} more")
    would = "would be " if total["dry_run"] else ""
    output.say(
        f"{total['created']} accounts {would}new, {total['updated']} changed, "
        f"{total['unchanged']} as before, {len(total['faults'])} lines left out"
    )
