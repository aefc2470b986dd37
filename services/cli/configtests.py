"""``handraise config test``: whether a configuration does what its examples say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import configfiles, output
from services.cli.configfiles import FolderOption
from services.cli.output import CommandError
from services.routing.config import parse
from services.routing.review import testing
from services.runtime.configfile import Faults
from services.runtime.configstore import version_of

TestsOption = Annotated[
    Path | None, typer.Option("--tests", help=f"Else {testing.FILE} in the folder.")
]
CoverageOption = Annotated[
    float, typer.Option("--min-coverage", min=0, max=100, help="Percent of the rules.")
]


def check_tests(
    config: FolderOption = None,
    tests: TestsOption = None,
    min_coverage: CoverageOption = 0.0,
    json: output.JsonOption = False,
) -> None:
    """Run routing.tests.yaml: this lead at this time goes there. Exit 1 where one does not."""
    folder = configfiles.folder(config)
    files = configfiles.load(folder)
    report, lines = _run(files, tests or folder / testing.FILE)
    percent = round(100 * report.coverage, 1)
    if json:
        output.emit(document(report, lines, percent))
    else:
        _tell(report, lines, percent)
    if report.failed or percent < min_coverage:
        raise typer.Exit(1)


def _run(files: dict[str, str], path: Path) -> tuple[testing.Report, dict[int, int]]:
    """The report, and the line of each test."""
    if not path.is_file():
        raise CommandError(f"there are no tests: write {path}", 2)
    return run_tests(files, path.read_text("utf-8"), path.name)


def run_tests(
    files: Mapping[str, str], tests: str, name: str
) -> tuple[testing.Report, dict[int, int]]:
    """The report, and the line of each test.

    :param name: of the file that ``tests`` is the text of, for its faults.
    :raises ConfigError: with every fault of the tests.
    """
    faults = Faults({name: tests})
    file = faults.parse(testing.RoutingTestsFile, name)
    faults.check()
    assert file is not None
    plan = parse(files)
    for fault in testing.unknown_names(plan, file):
        faults.add(name, fault.path, fault.message)
    faults.check()
    lines = {at: faults.locate(name, ("tests", at)) for at in range(len(file.tests))}
    return testing.run(plan, version_of(files), file), lines


def document(report: testing.Report, lines: dict[int, int], percent: float) -> dict[str, Any]:
    """What `--json` says."""
    return {
        "ok": not report.failed,
        "tests": len(report.tests),
        "failed": [{"line": lines[one.at], "test": one} for one in report.failed],
        "coverage_percent": percent,
        "unreached": report.unreached,
        "reached": report.reached,
    }


def _tell(report: testing.Report, lines: dict[int, int], percent: float) -> None:
    for one in report.failed:
        output.stdout.print(f"{testing.FILE}:{lines[one.at]} {one.name}: FAILED", markup=False)
        for failed in one.failed:
            output.stdout.print(
                f"  expected {failed.what} {failed.wanted}, got {failed.got}", markup=False
            )
        for line in one.words:
            output.stdout.print(f"    {line}", markup=False)
    passed = len(report.tests) - len(report.failed)
    output.say(f"{passed} of {len(report.tests)} tests pass; they reach {percent:g} % of the rules")
    if report.unreached:
        output.say(f"no test reaches: {', '.join(report.unreached)}")
