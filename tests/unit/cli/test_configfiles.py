"""The configuration folder as the command sees it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from services.cli import configfiles
from services.cli.config import app
from services.cli.output import CommandError
from services.runtime import yamltext
from services.runtime.configfile import ConfigError


def test_every_file_of_the_example_has_a_schema_that_it_satisfies() -> None:
    files = configfiles.load(configfiles.folder(None))
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
    assert configfiles.findings(configfiles.load(configfiles.folder(None))) == []


def test_what_has_no_effect_is_told_with_its_line(tmp_path: Path) -> None:
    folder = shutil.copytree(configfiles.folder(None), tmp_path / "config")
    text = (folder / "scoring.yaml").read_text()
    broken = text.replace("{email.class: free}", "{email.class: free, not: {email.class: free}}")
    (folder / "scoring.yaml").write_text(broken)
    (found,) = configfiles.findings(configfiles.load(folder))
    assert found.file == "scoring.yaml"
    assert "not: {email.class: free}" in broken.splitlines()[found.line - 1]
    assert found.message.startswith("dead rule 'free_mail'")
    done = CliRunner().invoke(app, ["check", "--config", str(folder), "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["faults"][0]["line"] == found.line
