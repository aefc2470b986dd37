"""``handraise dlq``: records that a stage set aside, and putting them back."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from schemas.topics import dead_letter_topics
from services.cli import output, target
from services.cli.output import CommandError
from services.cli.publishing import publish
from services.runtime import dead_letters
from services.runtime.dead_letters import DeadLetter
from services.runtime.settings import KafkaSettings

app = typer.Typer(help="Dead letters: list, show, replay.", no_args_is_help=True)

TopicOption = Annotated[str | None, typer.Option("--topic", help="One dead-letter topic.")]
ReasonOption = Annotated[str | None, typer.Option("--reason", help="Only of this reason.")]


@app.command("list")
def list_(
    topic: TopicOption = None,
    reason: ReasonOption = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """What was set aside and why."""
    letters = asyncio.run(_read(target.find(data).kafka, topic, reason))
    rows = [{"ref": letter.ref, **_summary(letter)} for letter in letters]
    if json:
        output.emit({"dead_letters": rows})
    else:
        output.show(rows, ["ref", "reason", "at", "stage", "replays", "detail"], "no dead letters")


@app.command()
def show(
    ref: Annotated[str, typer.Argument(help="topic/partition/offset, as `dlq list` names it.")],
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """One dead letter with its bytes."""
    letter = asyncio.run(_find(target.find(data).kafka, ref))
    shown = {"ref": ref, **_summary(letter), "key": _text(letter.key), "value": _text(letter.value)}
    shown["headers"] = {name: _text(value) for name, value in letter.headers}
    if json:
        output.emit(shown)
        return
    for name, value in shown.items():
        output.stdout.print(f"{name:<18}{value}", markup=False)


@app.command()
def replay(
    refs: Annotated[list[str] | None, typer.Argument(help="As `dlq list` names them.")] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Everything, or all that --topic and --reason leave.")
    ] = False,
    topic: TopicOption = None,
    reason: ReasonOption = None,
    as_new: Annotated[
        bool,
        typer.Option(
            "--as-new", help="Decide them however old they are; some may have been decided before."
        ),
    ] = False,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Put records back on their topic: same bytes, same key, same id.

    What was set aside as too_old would come back: it is replayed only --as-new.
    """
    if not refs and not all_:
        raise CommandError("name the records to replay, or give --all", 2)
    if refs and (all_ or topic or reason):
        raise CommandError(
            "name records, or choose them by --all, --topic and --reason: not both", 2
        )
    kafka = target.find(data).kafka
    letters = asyncio.run(_chosen(kafka, refs or [], topic, reason))
    if not refs:
        letters = [letter for letter in letters if not letter.erased]
    left = [] if as_new else [letter.ref for letter in letters if letter.too_old]
    if left and refs:
        raise CommandError(
            f"{left[0]} is older than repeats are known: it may have been decided before, and would"
            " come back as too_old; --as-new decides it all the same"
        )
    replayed = asyncio.run(_replay(kafka, [one for one in letters if one.ref not in left], as_new))
    if json:
        output.emit({"replayed": replayed, **({"too_old": left} if left else {})})
        return
    output.say(f"replayed {len(replayed)}")
    if left:
        output.say(f"left {len(left)} that would come back as too_old (--as-new decides them)")


async def _read(kafka: KafkaSettings, topic: str | None, reason: str | None) -> list[DeadLetter]:
    if topic is not None and topic not in dead_letter_topics():
        near = get_close_matches(topic, dead_letter_topics(), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise CommandError(f"there is no dead-letter topic {topic}{hint}", 2)
    found = dead_letters.read(kafka, [topic] if topic else None)
    return [letter async for letter in found if reason in (None, letter.reason)]


async def _find(kafka: KafkaSettings, ref: str) -> DeadLetter:
    letter = await dead_letters.find(kafka, ref)
    if letter is None:
        raise CommandError(
            f"there is no dead letter {ref} (topic/partition/offset, see `dlq list`)"
        )
    return letter


async def _chosen(
    kafka: KafkaSettings, refs: list[str], topic: str | None, reason: str | None
) -> list[DeadLetter]:
    return [await _find(kafka, ref) for ref in refs] or await _read(kafka, topic, reason)


async def _replay(kafka: KafkaSettings, letters: list[DeadLetter], as_new: bool) -> list[str]:
    try:
        back_again = [dead_letters.replay_of(letter, as_new=as_new) for letter in letters]
    except ValueError as error:
        raise CommandError(str(error)) from None
    await publish(kafka, "handraise-dlq", back_again)
    return [letter.ref for letter in letters]


def _summary(letter: DeadLetter) -> dict[str, Any]:
    left_out = {"key", "value", "headers", "topic", "partition", "offset"}
    return {name: value for name, value in asdict(letter).items() if name not in left_out}


def _text(raw: bytes | None) -> str | None:
    """Bytes as text where they are text, else as base64 behind a mark."""
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "base64:" + b64encode(raw).decode()
