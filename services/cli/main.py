"""The command ``handraise``.

Every subcommand is one line of COMMANDS. Only the module of the one that is called is imported, so
that a service does not pay for the console.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module

import typer

COMMANDS: dict[str, str] = {
    "up": "services.cli.up:up",
    "demo": "services.cli.demo:demo",
    "service": "services.cli.service:service",
    "send": "services.cli.send:send",
    "sources": "services.cli.sources:app",
    "map": "services.cli.mapping:propose",
    "watch": "services.cli.watch:watch",
    "explain": "services.cli.explain:explain",
    "simulate": "services.cli.simulate:simulate",
    "correct": "services.cli.correct:correct",
    "recompute": "services.cli.recompute:recompute",
    "scoring": "services.cli.scoring:app",
    "spend": "services.cli.spend:spend",
    "companies": "services.cli.companies:app",
    "reps": "services.cli.reps:app",
    "fairness": "services.cli.fairness:fairness",
    "experiments": "services.cli.experiments:experiments",
    "leads": "services.cli.mergeleads:app",
    "assignments": "services.cli.assignments:app",
    "claims": "services.cli.claims:claims",
    "claim": "services.cli.claims:claim",
    "accounts": "services.cli.accounts:app",
    "territories": "services.cli.territories:app",
    "territory": "services.cli.territories:app",
    "quarantine": "services.cli.quarantine:app",
    "dlq": "services.cli.dlq:app",
    "import": "services.cli.importing:import_",
    "replay": "services.cli.replay:replay",
    "config": "services.cli.config:app",
    "topics": "services.cli.topics:app",
    "migrate": "services.cli.migrate:migrate",
    "keys": "services.cli.keys:app",
    "erase": "services.cli.erase:erase",
    "prune": "services.cli.prune:prune",
    "cadence": "services.cli.cadence:app",
    "clocks": "services.cli.clocks:app",
    "deliver": "services.cli.deliver:app",
    "crm": "services.cli.crm:app",
    "demo-sinks": "services.cli.demosinks.server:run",
    "doctor": "services.cli.doctor:doctor",
    "compute": "services.cli.compute:compute",
}
"""Name -> module:attribute; a Typer application with subcommands, or one function."""


def build(argv: list[str]) -> typer.Typer:
    """The application, with the one command that ``argv`` names, or with all of them."""
    root = typer.Typer(
        name="handraise",
        help="Every hand-raise reaches the right sales rep within milliseconds, with the reason.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    root.callback()(lambda: None)
    called = argv[0] if argv and argv[0] in COMMANDS else None
    for name in [called] if called else COMMANDS:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, typer.Typer):
            root.add_typer(found, name=name)
        else:
            root.command(name)(found)
    return root


def run(argv: list[str] | None = None) -> int:
    """Runs one command; returns its exit code. A failure is one line on stderr."""
    arguments = sys.argv[1:] if argv is None else argv
    # What the client warns of on its way to a failure says less than the failure's one line.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    try:
        build(arguments)(arguments, prog_name="handraise")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:
        from services.cli.errors import explain

        known = explain(error)
        if known is None:
            raise
        line, code = known
        print(line, file=sys.stderr)
        return code
    return 0


if __name__ == "__main__":
    sys.exit(run())
