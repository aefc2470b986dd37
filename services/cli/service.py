"""``handraise service NAME``: one service in this process, configured by the environment."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.output import CommandError

if TYPE_CHECKING:
    from services.runtime.service import Build

SERVICES: dict[str, str] = {
    "capture": "services.capture.app",
    "enrichment": "services.enrichment.app",
    "scoring": "services.scoring.app",
    "routing": "services.routing.app",
    "response": "services.response.app",
    "delivery": "services.delivery.app",
}
"""Name -> the module whose ``build`` makes it; in the order of the pipeline."""


def service(
    name: Annotated[str, typer.Argument(help=", ".join(SERVICES))],
    part: Annotated[
        str | None, typer.Option(help="Of capture: doors or stages; both unless it is given.")
    ] = None,
) -> None:
    """Run one service; SIGTERM drains it."""
    if name not in SERVICES:
        raise CommandError(f"there is no service {name!r}; there are {', '.join(SERVICES)}", 2)
    from services.runtime.service import run

    raise typer.Exit(run(name, _build(name, part)))


def _build(name: str, part: str | None) -> Build:
    app = import_module(SERVICES[name])
    if part is None:
        whole: Build = app.build
        return whole
    parts: Mapping[str, Build] = getattr(app, "PARTS", {})
    if part not in parts:
        there = f"there are {', '.join(parts)}" if parts else "it has none"
        raise CommandError(f"there is no part {part!r} of {name}; {there}", 2)
    return parts[part]
