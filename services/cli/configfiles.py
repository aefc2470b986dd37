"""The configuration folder: where it is, what is in it, whether every service understands it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel

import services
from services.cli import retention
from services.cli.output import CommandError
from services.kernel.faults import did_you_mean
from services.runtime import yamltext
from services.runtime.configfile import ConfigError, Fault, Faults
from services.runtime.configregister import TESTS
from services.runtime.configstore import RETENTION, Files, read_folder
from services.runtime.datafolder import Running

_PARSERS = (
    "services.capture.config",
    "services.enrichment.config",
    "services.scoring.config",
    "services.scoring.qualification",
    "services.routing.config",
    "services.response.config",
    "services.delivery.config",
)
MODELS: dict[str, str] = {
    "sources.yaml": "services.capture.config:SourcesFile",
    "channels.yaml": "services.capture.channels:ChannelTable",
    "enrichment.yaml": "services.enrichment.config:EnrichmentFile",
    "scoring.yaml": "services.scoring.config:ScoringFile",
    "qualification.yaml": "services.scoring.qualification:QualificationFile",
    "routing.yaml": "services.routing.config:RoutingFile",
    "territories.yaml": "services.routing.territory_config:TerritoriesFile",
    "response.yaml": "services.response.config:ResponseFile",
    "delivery.yaml": "services.delivery.config:DeliveryFile",
    "retention.yaml": "services.cli.retention:RetentionFile",
    "routing.tests.yaml": "services.routing.review.testing:RoutingTestsFile",
    "teams.yaml": "services.kernel.people.model:Teams",
    "calendars.yaml": "services.kernel.calendars.model:Calendars",
}
"""What each file is, for editors."""
_CHECKS = (
    ("scoring.yaml", MODELS["scoring.yaml"], "services.scoring.checking"),
    ("qualification.yaml", MODELS["qualification.yaml"], "services.scoring.checking_qualification"),
    ("routing.yaml", MODELS["routing.yaml"], "services.routing.checking"),
    ("response.yaml", MODELS["response.yaml"], "services.response.checking"),
)
"""Who looks for what has no effect in which file."""
_PEOPLE = ("routing.yaml", "teams.yaml", "calendars.yaml")

FolderOption = Annotated[
    Path | None, typer.Option("--config", help="Folder (else HANDRAISE_CONFIG, deploy/config).")
]


def folder(given: Path | None) -> Path:
    """--config, else HANDRAISE_CONFIG, else the example beside the code; must exist."""
    beside = Path(services.__file__).resolve().parents[1] / "deploy" / "config"
    path = given or Path(os.environ.get("HANDRAISE_CONFIG") or beside)
    if not path.is_dir():
        raise CommandError(f"there is no configuration folder {path}", 2)
    return path.resolve()


def of_running(running: Running | None) -> Path | None:
    """The folder that a running ``up`` was given."""
    return Path(running.config) if running is not None else None


def existing(named: str) -> Path | None:
    """The folder of this name; None where there is none and a version may be meant."""
    path = Path(named)
    return path.resolve() if path.is_dir() else None


def load(path: Path) -> dict[str, str]:
    """The files of a folder, understood by every service; raises ConfigError with all faults.

    What is no part of a version is looked at too, and not returned.
    """
    files = read_folder(path)
    faults = _faults(files, _PARSERS) | _faults(retention.beside(path), ("services.cli.retention",))
    if faults:
        raise ConfigError(faults)
    return files


def check(files: Files) -> None:
    """:raises ConfigError: with the faults that any service finds, each said once."""
    faults = _faults(files, _PARSERS)
    if RETENTION in files:
        why = "is no part of a version: `handraise prune` reads it from the folder that it is given"
        faults.add(Fault(RETENTION, 1, "", why))
    if faults:
        raise ConfigError(faults)


def _faults(files: Files, parsers: Iterable[str]) -> set[Fault]:
    faults: set[Fault] = set()
    for module in parsers:
        try:
            import_module(module).parse(files)
        except ConfigError as error:
            faults.update(error.faults)
    return faults


def _of(files: Files, faults: Faults, file: str) -> Any:
    return faults.parse(load_model(MODELS[file]), file) if file in files else None


def findings(files: Files, now: datetime) -> list[Fault]:
    """What a good set of files has that has no effect, and whom it counts on who is not there.

    Dead and shadowed rules, tiers out of reach, people who are gone, hours that nobody covers,
    files that nobody reads.

    :param now: from when on cover is looked for.
    :raises ConfigError: where the files are no good set.
    """
    faults = Faults(files)
    read = [
        (file, faults.parse(load_model(model), file), by)
        for file, model, by in _CHECKS
        if file in files
    ]
    delivery = _of(files, faults, "delivery.yaml")
    response = _of(files, faults, "response.yaml")
    people: list[Any] = [faults.parse(load_model(MODELS[file]), file) for file in _PEOPLE]
    faults.check()
    for file, value, by in read:
        for found in import_module(by).findings(value):
            faults.add(file, found.path, found.message)
    if delivery is not None:
        plans = [plan.id for plan in response.cadence.plans] if response is not None else []
        pools = [pool.id for pool in people[1].pools]
        for found in import_module("services.delivery.checking").findings(delivery, plans, pools):
            faults.add("delivery.yaml", found.path, found.message)
    for file, found in import_module("services.routing.covering").findings(*people, now):
        faults.add(file, found.path, found.message)
    named = import_module("services.routing.territory_config").named(faults, files)
    return sorted({*faults.found, *_unread(files, named)})


def strays(folder: Path) -> list[Fault]:
    """Files of a folder that nobody reads because of how they are named."""
    tests = [path.name for path in folder.glob(f"*{TESTS}") if path.name not in MODELS]
    return [
        *(
            Fault(path.name, 1, "", "is not read: files end in .yaml")
            for path in folder.glob("*.yml")
        ),
        *(Fault(name, 1, "", f"nobody reads this file{_meant(name)}") for name in tests),
    ]


def _unread(files: Files, tables: Iterable[str]) -> Iterator[Fault]:
    for name in files:
        if name.endswith(".csv") and name not in tables:
            yield Fault(name, 1, "", "no table of territories.yaml names this file")
        elif name.endswith(".yaml") and name not in MODELS:
            yield Fault(name, 1, "", f"nobody reads this file{_meant(name)}")


def _meant(name: str) -> str:
    return did_you_mean(name, tuple(MODELS))


def schema(file: str) -> dict[str, Any]:
    """JSON Schema of one file."""
    if file not in MODELS:
        raise CommandError(f"there is no {file}; there are {', '.join(MODELS)}", 2)
    return load_model(MODELS[file]).model_json_schema()


def load_model(named: str) -> type[BaseModel]:
    module, _, name = named.partition(":")
    model: type[BaseModel] = getattr(import_module(module), name)
    return model


def secret_names(files: Files) -> list[str]:
    """Secrets that the sources name: those that senders and we share."""
    sources = (yamltext.read(files.get("sources.yaml", "")).data or {}).get("sources") or {}
    shared = ("secret", "verify_token")
    return sorted({entry[n] for entry in sources.values() for n in shared if entry.get(n)})
