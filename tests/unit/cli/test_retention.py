"""``retention.yaml``: what it may say, and where it is told that it may not."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.topics import DEAD_LETTER_RETENTION, LONGEST_RETENTION, TOPICS
from services.cli import configfiles, prune, retention
from services.cli.output import CommandError
from services.runtime.configfile import ConfigError
from services.runtime.configstore import RETENTION, read_folder, version_of
from services.runtime.pruning import Keep


def parse(text: str) -> retention.RetentionFile:
    return retention.parse({RETENTION: text})


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [str(fault) for fault in caught.value.faults]


def test_the_example_says_the_defaults() -> None:
    folder = configfiles.folder(None)
    assert retention.parse(retention.beside(folder)) == retention.parse({})


def test_every_length_is_a_setting_and_every_setting_a_length() -> None:
    assert {one.value for one in Keep} == retention.RetentionFile.model_fields.keys()


def test_repeats_are_known_as_long_as_a_dead_letter_may_be_put_back() -> None:
    longest = max(spec.retention for spec in TOPICS if spec.retention)
    assert longest == LONGEST_RETENTION
    assert retention.RetentionFile().repeats > longest + DEAD_LETTER_RETENTION


def test_no_setting_deletes_for_ever_kept_stories_unless_it_is_given() -> None:
    assert parse("").keep()[Keep.STORIES] is None
    assert parse("stories: forever").keep()[Keep.STORIES] is None
    assert parse("stories: 730d").keep()[Keep.STORIES] == timedelta(days=730)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("repeats: 28d", "retention.yaml:1 repeats: must be 29d or more: topics keep records"),
        ("\ndelivery_keys: 1d", "retention.yaml:2 delivery_keys: must be 28d or more"),
        ("quarantine: 1h", "retention.yaml:1 quarantine: must be 7d or more"),
        ("bookkeeping: 6d", "retention.yaml:1 bookkeeping: must be 7d or more"),
        ("stories: 5", "retention.yaml:1 stories: a length of time is written as"),
        ("stories:", "retention.yaml:1 stories: a length of time is written as"),
        ("repeats: forever", "retention.yaml:1 repeats: a length of time is written as"),
        ("bookeeping: 90d", "retention.yaml:1 bookeeping: unknown"),
    ],
)
def test_a_fault_is_told_with_its_line(text: str, said: str) -> None:
    (fault,) = faults(text)
    assert fault.startswith(said)


def test_a_misspelt_setting_is_guessed() -> None:
    (fault,) = faults("bookeeping: 90d")
    assert "did you mean bookkeeping?" in fault


def test_every_fault_of_the_file_is_told() -> None:
    assert len(faults("repeats: 1d\ndelivery_keys: 1d\nquarantine: 1d")) == 3


@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_where_clocks_are_apart_nothing_is_deleted(days: int) -> None:
    here = datetime(2026, 11, 28, tzinfo=UTC)
    with pytest.raises(CommandError, match="nothing is deleted: by the clock of the database"):
        prune.agreed(here + timedelta(days=days), here)
    prune.agreed(here + timedelta(hours=days % 24), here)


def test_a_version_that_is_to_hold_it_is_refused() -> None:
    files = configfiles.load(configfiles.folder(None))
    with pytest.raises(ConfigError, match="is no part of a version"):
        configfiles.check({**files, RETENTION: "repeats: 60d"})


def test_config_check_reads_it_and_no_version_holds_it(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(configfiles.folder(None), tmp_path / "config"))
    before = version_of(configfiles.load(folder))
    (folder / RETENTION).write_text("stories: 365d")
    assert version_of(configfiles.load(folder)) == before
    assert RETENTION not in read_folder(folder)
    (folder / RETENTION).write_text("repeats: 7d")
    (folder / "scoring.yaml").write_text("invented: 1")
    with pytest.raises(ConfigError) as caught:
        configfiles.load(folder)
    assert {fault.file for fault in caught.value.faults} >= {RETENTION, "scoring.yaml"}
    (folder / RETENTION).unlink()
    assert retention.parse(retention.beside(folder)) == retention.RetentionFile()
