"""Tests that need somebody at work, whatever the hour is."""

from __future__ import annotations

from pathlib import Path

import yaml


def everybody_works(config: Path) -> None:
    """In a copy of the configuration: every calendar is open all day, all week."""
    file = config / "calendars.yaml"
    names = yaml.safe_load(file.read_text("utf-8"))["calendars"]
    always = {name: {"hours": {"every_day": "00:00-24:00"}} for name in names}
    file.write_text(yaml.safe_dump({"calendars": always}), "utf-8")
