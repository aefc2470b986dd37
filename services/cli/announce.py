"""What ``up`` says once everything is ready."""

from __future__ import annotations

from pathlib import Path

from services.cli import output
from services.runtime.datafolder import Running


def line(running: Running, data: Path) -> dict[str, object]:
    """The line of ``--json``."""
    return {
        "ready": True,
        "http": running.http,
        "services": {name: process.url for name, process in running.services.items()},
        "api_key": running.api_key,
        "kafka": running.kafka,
        "broker": running.broker,
        "postgres": running.postgres,
        "data": str(data.resolve()),
    }


def tell(running: Running, data: Path) -> None:
    """Tells a person where everything is and how to send a first lead."""
    note = {
        "embedded": "in-process, for trying: it forgets on exit (--kafka apache keeps)",
        "apache": "Apache Kafka, kept in the data folder",
        "external": "yours",
    }[running.broker]
    rows = [
        ("capture", running.http),
        ("api key", running.api_key),
        ("kafka", f"{running.kafka}  {note}"),
        ("postgres", running.postgres),
        ("data, logs", str(data.resolve())),
        ("config", running.config),
    ]
    rows[1:1] = [(name, process.url) for name, process in running.services.items()][1:]
    for name, value in rows:
        output.stdout.print(f"{name:<12}{value}", markup=False)
    body = '{"kind": "demo_request", "email": "dana@acme.example"}'
    output.stdout.print(
        f"\nsend a lead:\n  curl -H 'Authorization: Bearer {running.api_key}' "
        f"-H 'content-type: application/json' -d '{body}' {running.http}/v1/leads\n"
        "Ctrl-C ends everything",
        markup=False,
    )
