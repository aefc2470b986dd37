"""An installation for each file that asks or changes a running one: it ends before the next one
starts, since an idle one costs half a core."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from services.cli import configfiles
from tests.support.commands import Run
from tests.support.pipeline import Pipeline, on_apache
from tests.support.up import Up, in_process, up


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """An installation for the commands, on a copy of the example configuration."""
    root = tmp_path_factory.mktemp("commands")
    config = shutil.copytree(configfiles.folder(None), root / "config")
    with up(root / "data", "--config", str(config)) as started:
        yield started


@pytest.fixture(scope="package")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """``up --kafka apache``, shared by the tests of this folder: use leads of your own."""
    with on_apache(tmp_path_factory) as started:
        yield started


@pytest.fixture
def run(running: Up) -> Run:
    """A command against it; that the console script is the same, test_up and `watch` show."""

    def command(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return in_process(*arguments, env={"HANDRAISE_DATA": running.line["data"], **env})

    return command
