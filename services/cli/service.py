"""``handraise service NAME``: one service in this process, configured by the environment."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from services.cli.output import CommandError

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
) -> None:
    """Run one service; SIGTERM drains it."""
    if name not in SERVICES:
        raise CommandError(f"there is no service {name!r}; there are {', '.join(SERVICES)}", 2)
    from services.runtime.service import run

    raise typer.Exit(run(name, import_module(SERVICES[name]).build))
