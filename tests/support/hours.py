"""Tests that need somebody at work, whatever the hour is."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from services.cli import configfiles


def always_at_work(folder: Path) -> Path:
    """A copy of the example configuration in the folder, in which everybody works at any hour."""
    config = shutil.copytree(configfiles.folder(None), folder / "config")
    _everybody_works(config)
    return config


def _everybody_works(config: Path) -> None:
    """In a copy of the configuration: every calendar is open all day, all week."""
    file = config / "calendars.yaml"
    names = yaml.safe_load(file.read_text("utf-8"))["calendars"]
    always = {name: {"hours": {"every_day": "00:00-24:00"}} for name in names}
    file.write_text(yaml.safe_dump({"calendars": always}), "utf-8")
