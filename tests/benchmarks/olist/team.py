"""A configuration folder for the Olist history: its SDRs as the team, weighted by their deals.

From the closed deals only ``sdr_id`` is used. Names and addresses are made from the ids; everyone
is taken to be at work at any hour, because the history has no times of day.
"""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import yaml

from services.cli import configfiles

POOL = "olist-sdrs"
SOURCE = "olist"
_FORMS = "olist"
_ALWAYS = "always"

# Their origin -> our channel. `social`, `email`, … are what Olist itself wrote.
_CHANNELS = {
    "organic_search": "organic_search",
    "paid_search": "paid_search",
    "social": "paid_social",
    "display": "display",
    "email": "email",
    "referral": "referral",
    "direct_traffic": "direct",
}


def weights(closed_deals: Path) -> Counter[str]:
    """Deals per SDR."""
    with closed_deals.open(newline="") as file:
        return Counter(row["sdr_id"] for row in csv.DictReader(file) if row["sdr_id"])


def write(folder: Path, closed_deals: Path) -> Counter[str]:
    """Fill ``folder`` with the example configuration, the team and the rules replaced."""
    shutil.copytree(configfiles.folder(None), folder, dirs_exist_ok=True)
    team = weights(closed_deals)
    _dump(folder / "teams.yaml", _teams(team))
    _dump(
        folder / "calendars.yaml", {"calendars": {_ALWAYS: {"hours": {"every_day": "00:00-24:00"}}}}
    )
    _dump(folder / "routing.yaml", {"rules": [], "catch_all": {"pool": POOL}})
    _dump(folder / "sources.yaml", {"sources": {SOURCE: {"adapter": "api", "form_id": _FORMS}}})
    rules = [{"channel": c, "when": {"utm_source": [o]}} for o, c in _CHANNELS.items()]
    _dump(folder / "channels.yaml", {"channels": rules, "fallback": "unknown"})
    return team


def _teams(team: Counter[str]) -> dict[str, object]:
    reps = [
        {
            "id": sdr, "name": f"SDR {sdr[:8]}", "email": f"{sdr[:8]}@olist.example", "role": "sdr",
            "time_zone": "America/Sao_Paulo", "calendar": _ALWAYS,
        }
        for sdr in team
    ]  # fmt: skip
    members = [{"rep": sdr, "weight": count} for sdr, count in team.items()]
    return {"reps": reps, "pools": [{"id": POOL, "role": "sdr", "members": members}]}


def _dump(path: Path, value: object) -> None:
    path.write_text(yaml.safe_dump(value, sort_keys=False))
