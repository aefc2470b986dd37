"""``handraise map``: a first mapping for ``sources.yaml``, from one body that a tool has sent."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from services.capture.adapters import proposing
from services.capture.adapters.base import Unparsable
from services.cli import output
from services.cli.output import CommandError


def propose(
    sample: Annotated[
        Path,
        typer.Argument(help="A request body as the tool sent it.", exists=True, dir_okay=False),
    ],
    adapter: Annotated[
        str | None, typer.Option(help=f"{', '.join(proposing.READABLE)}; else it is recognised.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="What to call the source.")] = None,
    json: output.JsonOption = False,
) -> None:
    """Propose a mapping: by names, labels and what the answers look like. Check it by eye."""
    if adapter is not None and adapter not in proposing.READABLE:
        known = ", ".join(proposing.READABLE)
        raise CommandError(f"a body of {adapter!r} names no questions to map; these do: {known}", 2)
    body = sample.read_bytes()
    try:
        found = adapter or proposing.adapter_of(body)
        asked = proposing.questions(found, body)
    except Unparsable as error:
        raise CommandError(f"{sample}: {error}") from None
    mapping = proposing.propose(asked)
    rest = [question.ref for question in asked if question.ref not in mapping]
    name = source or found
    if json:
        output.emit({"source": name, "adapter": found, "mapping": mapping, "unmapped": rest})
    else:
        sys.stdout.write(_yaml(name, found, mapping))
        output.say(
            f"kept in `fields`, as long as nothing maps them: {', '.join(rest) or 'nothing'}"
        )
    if not {"email", "phone", "external_id"} & set(mapping.values()):
        output.say("no answer is an e-mail address or telephone number: map one by hand")


def _yaml(source: str, adapter: str, mapping: dict[str, str]) -> str:
    secret = re.sub(r"[^A-Z0-9]+", "_", source.upper())
    entry: dict[str, Any] = {"adapter": adapter, "secret": secret, "mapping": mapping}
    return yaml.safe_dump({"sources": {source: entry}}, sort_keys=False, allow_unicode=True)
