"""The configuration folder as the command sees it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from services.cli import configfiles
from services.cli.config import app
from services.cli.output import CommandError
from services.routing.review import testing
from services.runtime import yamltext
from services.runtime.configfile import ConfigError
from services.runtime.configstore import RETENTION

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_every_file_of_the_example_has_a_schema_that_it_satisfies() -> None:
    folder = configfiles.folder(None)
    beside = {name: (folder / name).read_text() for name in (testing.FILE, RETENTION)}
    files = {**configfiles.load(folder), **beside}
    assert files.keys() == configfiles.MODELS.keys()
    for name, text in files.items():
        schema = configfiles.schema(name)
        jsonschema.Draft202012Validator.check_schema(schema)
        # As an editor sees it: a date of YAML is the text that it was written as.
        document = json.loads(json.dumps(yamltext.read(text).data, default=str))
        jsonschema.validate(document, schema)


def test_faults_of_several_files_are_told_together(tmp_path: Path) -> None:
    folder = shutil.copytree(configfiles.folder(None), tmp_path / "config")
    for name in ("sources.yaml", "scoring.yaml"):
        (folder / name).write_text((folder / name).read_text() + "\ninvented: 1\n")
    with pytest.raises(ConfigError) as caught:
        configfiles.load(folder)
    assert {fault.file for fault in caught.value.faults} == {"sources.yaml", "scoring.yaml"}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no configuration folder") as caught:
        configfiles.folder(tmp_path / "nothing")
    assert caught.value.code == 2


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("sources: {b: {secret: TWO}, a: {secret: ONE}, c: {secret: ONE}, d: {}}", ["ONE", "TWO"]),
        ("sources:", []),
        ("", []),
    ],
)
def test_secrets_that_sources_name(text: str, names: list[str]) -> None:
    assert configfiles.secret_names({"sources.yaml": text}) == names


def test_the_example_has_no_rule_without_effect() -> None:
    assert configfiles.findings(configfiles.load(configfiles.folder(None)), NOW) == []


def test_what_has_no_effect_is_told_with_its_line(tmp_path: Path) -> None:
    folder = shutil.copytree(configfiles.folder(None), tmp_path / "config")
    text = (folder / "scoring.yaml").read_text()
    broken = text.replace("{email.class: free}", "{email.class: free, not: {email.class: free}}")
    (folder / "scoring.yaml").write_text(broken)
    (found,) = configfiles.findings(configfiles.load(folder), NOW)
    assert found.file == "scoring.yaml"
    assert "not: {email.class: free}" in broken.splitlines()[found.line - 1]
    assert found.message.startswith("dead rule 'free_mail'")
    done = CliRunner().invoke(app, ["check", "--config", str(folder), "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["faults"][0]["line"] == found.line


def changed(tmp_path: Path, file: str, old: str, new: str) -> list[str]:
    """What is found in the example where one text in a file is another."""
    folder = shutil.copytree(configfiles.folder(None), tmp_path / "config")
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1))
    return [str(one) for one in configfiles.findings(configfiles.load(folder), NOW)]


def test_a_file_that_nobody_reads_is_named_with_what_was_meant(tmp_path: Path) -> None:
    folder = shutil.copytree(configfiles.folder(None), tmp_path / "config")
    for name, meant in (
        ("response.yaml", "respons.yaml"),
        ("qualification.yaml", "qualification.yml"),
        (RETENTION, "retentions.yaml"),
        (testing.FILE, "router.tests.yaml"),
    ):
        (folder / name).rename(folder / meant)
    (folder / "old-territories.csv").write_text("territory,pool\n")
    (folder / ".routing.yaml").write_text("an editor's own: [")
    files = configfiles.load(folder)
    found = [*configfiles.strays(folder), *configfiles.findings(files, NOW)]
    assert {one.file: one.message for one in found if not one.path} == {
        "qualification.yml": "is not read: files end in .yaml",
        "respons.yaml": "nobody reads this file; did you mean response.yaml?",
        "retentions.yaml": "nobody reads this file; did you mean retention.yaml?",
        "router.tests.yaml": "nobody reads this file; did you mean routing.tests.yaml?",
        "old-territories.csv": "no table of territories.yaml names this file",
    }


def test_hours_that_nobody_covers_are_named(tmp_path: Path) -> None:
    members = "members: [daniel.brooks, hannah.lopez]"
    cover = f"{members}\n    cover: {{calendar: office_london, time_zone: Europe/London}}"
    (found,) = changed(tmp_path, "teams.yaml", members, cover)
    place, why = found.split(": ", 1)
    assert place.startswith("teams.yaml:")
    assert place.endswith("pools.2.cover")
    assert why.startswith(
        "nobody of enterprise-americas works Mon 2026-11-23 09:00 to 14:00 UTC, Tue 2026-11-24"
    )
    assert why.endswith(" and 17 more: 103.5 h of office_london in 28 days")


def test_people_who_are_gone_are_named_where_they_are_counted_on(tmp_path: Path) -> None:
    inactive = "id: maya.lindqvist, active: false,"
    found = changed(tmp_path, "teams.yaml", "id: maya.lindqvist,", inactive)
    assert [one.split(": ", 1)[1] for one in found] == [
        f"maya.lindqvist is not active: what {pool} cannot place has no last resort"
        for pool in ("sdr-follow-the-sun", "enterprise-emea")
    ]


def test_a_member_who_is_gone_and_a_pool_of_nobody(tmp_path: Path) -> None:
    gone = "id: camille.laurent, active: false,"
    (found,) = changed(tmp_path, "teams.yaml", "id: camille.laurent,", gone)
    assert "camille.laurent is not active and gets nothing from enterprise-emea" in found


def test_a_catch_all_cannot_be_left_out(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"routing\.yaml:\d+ catch_all: missing"):
        changed(tmp_path, "routing.yaml", "catch_all: {pool: sdr-follow-the-sun}", "")
