"""``sources check`` names a source whose fields lead nowhere, before it costs a lead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.cli import configfiles
from tests.support.up import in_process


def findings(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **source: Any
) -> tuple[int, list[dict[str, str]]]:
    """Of a folder whose one source is a form whose fields have numbers for names."""
    config = folder / "config"
    config.mkdir()
    for path in configfiles.folder(None).glob("*.yaml"):
        (config / path.name).write_bytes(path.read_bytes())
    form = {"adapter": "generic", "secret": "FORM", "kind": "demo_request", **source}
    (config / "sources.yaml").write_text(yaml.safe_dump({"sources": {"form": form}}))
    (config / "channels.yaml").write_text("channels: []\n")
    monkeypatch.setenv("HANDRAISE_SECRET_FORM", "whsec_c2VjcmV0")
    arguments = ("--config", str(config), "--data", str(folder / "data"), "--json")
    done = in_process("sources", "check", *arguments)
    return done.returncode, json.loads(done.stdout)["findings"]


@pytest.mark.parametrize("mapping", [{}, {"1.3": "first_name", "4": "company"}])
def test_a_form_without_a_mapping_to_a_person_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapping: dict[str, str]
) -> None:
    code, found = findings(tmp_path, monkeypatch, preset="gravity_forms", mapping=mapping)
    assert code == 1
    [finding] = found
    assert finding["source"] == "form"
    assert "no `mapping` leads to email or phone" in finding["finding"]


@pytest.mark.parametrize(
    "source",
    [
        {"preset": "gravity_forms", "mapping": {"2": "email"}},
        {"preset": "gravity_forms", "mapping": {"3": "phone"}},
        {"preset": "unbounce"},  # its fields have names that we know
    ],
)
def test_a_form_that_names_somebody_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, Any]
) -> None:
    assert findings(tmp_path, monkeypatch, **source) == (0, [])


def test_a_mapping_to_a_place_that_there_is_not_is_named_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, found = findings(tmp_path, monkeypatch, preset="gravity_forms", mapping={"2": "emial"})
    assert code == 1
    [finding] = found
    assert "sources.yaml:" in finding["finding"]
    assert "emial" in finding["finding"]
