"""``handraise topics``: the topics of ``schemas/topics.py`` on a cluster."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from services.capture.config import partner_topics
from services.cli import output, target
from services.cli.send import loaded
from services.runtime import topics_admin
from services.runtime.settings import KafkaSettings

app = typer.Typer(help="Create and check the topics.", no_args_is_help=True)

KafkaOption = Annotated[
    str | None,
    typer.Option("--kafka", help="host:port,... (else a running `up`, else the environment)."),
]


@app.command()
def apply(
    partitions: Annotated[
        int | None, typer.Option(help="At least so many partitions for each topic of leads.")
    ] = None,
    replication: Annotated[
        int | None,
        typer.Option(help="Copies of each new topic (else 3, or as many as there are brokers)."),
    ] = None,
    kafka: KafkaOption = None,
    config: Annotated[
        Path | None, typer.Option(help="Configuration folder, whose partners have topics.")
    ] = None,
    data: output.DataOption = None,
    json: output.JsonOption = False,
) -> None:
    """Create, enlarge and configure what differs; says what it changed."""
    more = partner_topics(loaded(target.find(data), config))
    with output.working("asking the cluster"):
        changed = asyncio.run(
            topics_admin.apply(_kafka(kafka, data), partitions, replication, more)
        )
    if json:
        output.emit({"changed": changed})
    else:
        output.show(
            [{"changed": line} for line in changed], ["changed"], "every topic is as declared"
        )


@app.command()
def check(
    kafka: KafkaOption = None, data: output.DataOption = None, json: output.JsonOption = False
) -> None:
    """Say which topics are missing or smaller than declared; exit 1 when any is."""
    faults = asyncio.run(topics_admin.verify(_kafka(kafka, data)))
    if json:
        output.emit({"faults": faults})
    else:
        output.show([{"fault": line} for line in faults], ["fault"], "every topic is as declared")
    if faults:
        raise typer.Exit(1)


def _kafka(address: str | None, data: output.DataOption) -> KafkaSettings:
    return target.kafka_at(address) if address else target.find(data).kafka
