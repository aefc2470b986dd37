"""``handraise correct``: mends what a wrong rule did, by requests that anybody could make."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any

import typer

from services.cli import configfiles, output, routing_api, target, whoami
from services.cli.output import CommandError
from services.cli.simulate import SinceOption, UntilOption, period
from services.routing.review import books, runs
from services.routing.review.correcting import Move

_SHOWN = ("lead_id", "rep", "pool", "to", "to_pool", "rule")


def correct(
    config: Annotated[
        str | None, typer.Option("--config", help="The right configuration: a version or a folder.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    untouched: Annotated[
        bool, typer.Option("--untouched", help="Only leads that nobody accepted or worked on.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would move.")] = False,
    reason: Annotated[str, typer.Option("--reason", help="Stands in every event.")] = "",
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Give leads that a wrong rule sent to the wrong pool to those who should have had them.

    The wrong reps get their turns back, the right ones are charged.
    """
    where = target.find(data)
    with output.working("simulating"):
        version, moves = asyncio.run(_moves(where, config, period(since, until), untouched))
    movable = [one for one in moves if one.to is not None]
    said = reason or f"corrected by configuration {version}"
    done = [] if dry_run else _applied(where, movable, said)
    if json:
        output.emit(
            {"version": version, "moves": moves, "to_move": len(movable), "dry_run": dry_run,
             "applied": sum(one["ok"] for one in done), "answers": done}
        )  # fmt: skip
        return
    output.show([_row(one) for one in moves], _SHOWN, "nothing is to be mended")
    left = len(moves) - len(movable)
    if left:
        output.say(f"{left} would go to nobody under {version}: they stay where they are")
    if dry_run:
        output.say(f"{len(movable)} leads would move; without --dry-run they do")
    else:
        for one in done:
            if not one["ok"]:
                output.say(f"{one['lead_id']}: {one['answer']}")
        output.say(f"{sum(one['ok'] for one in done)} of {len(movable)} leads moved")


async def _moves(
    where: target.Target, config: str | None, period: tuple[datetime, datetime], untouched: bool
) -> tuple[str, list[Move]]:
    async with target.connection(where.postgres) as connection:
        files, version = None, None
        if config is not None:
            path = configfiles.existing(config)
            files, version = (configfiles.load(path), None) if path else (None, config)
        name, found = await books.files_of(connection, files, version)
        return name, await runs.mended(connection, found, name, period, untouched=untouched)


def _applied(where: target.Target, moves: list[Move], reason: str) -> list[dict[str, Any]]:
    """Asks for each move; one that is refused does not keep the others back."""
    done = []
    asker = whoami.operator()
    with routing_api.client(where) as client:
        for move in moves:
            body = {
                "to": move.to, "by": asker, "reason": reason, "expected_status": move.status,
            }  # fmt: skip
            answer = client.post(f"/v1/assignments/{move.assignment_id}/correct", json=body)
            try:
                routing_api.answered(answer)
                done.append({"lead_id": move.lead_id, "ok": True, "answer": move.to})
            except CommandError as refused:
                done.append({"lead_id": move.lead_id, "ok": False, "answer": str(refused)})
    return done


def _row(move: Move) -> dict[str, Any]:
    return {name: getattr(move, name) for name in _SHOWN}
