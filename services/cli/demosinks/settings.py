"""The example configuration with its sinks led to the stand-ins. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from services.kernel.people import Rep, Teams
from services.runtime import yamltext
from services.runtime.configfile import parse as parse_file

FILE: Final = "delivery.yaml"
TEAMS: Final = "teams.yaml"
PROGRAM: Final = "demo-sinks"
BOT, SIGNING, HOOK = "DEMO_SLACK_BOT", "DEMO_SLACK_SIGNING", "DEMO_WEBHOOK"
HUBSPOT, SALESFORCE = "DEMO_HUBSPOT", "DEMO_SALESFORCE"
SECRETS: Final = (BOT, SIGNING, HOOK, HUBSPOT, SALESFORCE)
"""Names of the secrets that ``up`` makes up for the stand-ins."""
_HERE: Final = ["127.0.0.1/32"]


def with_demo_sinks(files: Mapping[str, str], http: str, smtp_port: int) -> dict[str, str]:
    """The files, with a ``delivery.yaml`` whose only sinks are the stand-ins.

    :param http: address of the stand-ins, without a slash at its end.
    """
    known = yamltext.read(files.get(FILE, "")).data
    document: dict[str, Any] = dict(known) if isinstance(known, dict) else {}
    fast = {"rate": {"calls": 200}, "allow_networks": _HERE}
    document["sinks"] = {
        "demo-slack": {
            "type": "slack",
            "token": BOT,
            "signing_secret": SIGNING,
            "channel": "#leads",
            "base_url": f"{http}/slack/api",
            "per_channel": None,
            **fast,
        },
        "demo-email": {
            "type": "email",
            "host": "127.0.0.1",
            "port": smtp_port,
            "security": "none",
            "sender": "Handraise <leads@handraise.example>",
            "rate": {"calls": 200},
        },
        "demo-hubspot": {
            "type": "hubspot",
            "token": HUBSPOT,
            "base_url": f"{http}/hubspot",
            "sync": {"every": "5s"},
            "allow_networks": _HERE,
        },
        "demo-salesforce": {
            "type": "salesforce",
            "instance_url": f"{http}/salesforce",
            "client_id": "demo",
            "client_secret": SALESFORCE,
            "sync": {"every": "5s"},
            "allow_networks": _HERE,
        },
        "demo-webhook": {"type": "webhook", "url": f"{http}/hook", "secret": HOOK, **fast},
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return {**files, FILE: f"# Written by `up --demo-sinks`.\n{text}"}


def reps(files: Mapping[str, str]) -> Sequence[Rep]:
    """Who is an owner in the stand-ins of the CRMs."""
    return parse_file(Teams, files[TEAMS], TEAMS).reps
