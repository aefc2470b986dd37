"""``handraise map`` proposes what sources.yaml can use at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.capture import config
from services.capture.adapters.base import Delivered
from services.cli import main

EXAMPLES = Path(__file__).parents[3] / "schemas/examples/sources"
PEOPLE = {
    "typeform": ("dilan@northwind.example", "Dilan"),
    "tally": ("dana@humongous.example", "Dana"),
    "webflow": ("dana@wingtip.example", "Dana"),
    "jotform": ("dana@relecloud.example", "Dana"),
    "generic": ("dana@treyresearch.example", "Dana"),
}
SAMPLES = {
    "tally": "tally/good/response.json",
    "webflow": "webflow/good/submission.json",
    "jotform": "jotform/good/submission.txt",
    "typeform": "typeform/good/response.json",
    "generic": "generic/good/nested.json",
}


@pytest.mark.parametrize("adapter", SAMPLES)
def test_the_proposal_reads_its_own_sample(
    adapter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = EXAMPLES / SAMPLES[adapter]
    assert main.run(["map", str(path), "--source", "mine"]) == 0
    printed = capsys.readouterr().out
    files = {"sources.yaml": printed, "channels.yaml": "channels: []\n"}
    source = config.parse(files).sources["mine"]
    assert source.config.adapter == adapter
    form = source.adapter.to_lead(Delivered(path.read_bytes()), source.view)
    who = PEOPLE[adapter]
    assert (form.email, form.first_name) == who
    # Jotform calls that question by a place on its page, which says nothing.
    assert (form.company is None) == (adapter == "jotform")
    assert form.utm.source == "google"


def test_labels_names_and_shapes_are_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = tmp_path / "sample.json"
    answers = {
        "f_1": "dana@northwind.example",
        "f_2": "+49 30 1234567", "your-first-name": "Dana", "nachname": "Okafor",
        "companyName": "Northwind", "teamSize": "40", "utm_source": "google", "colour": "blue",
        "other_email": "a@b.example",
    }  # fmt: skip
    sample.write_text(json.dumps(answers))
    assert main.run(["map", str(sample), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["adapter"] == "generic"
    assert found["mapping"] == {
        "f_1": "email",
        "f_2": "phone",
        "your-first-name": "first_name",
        "nachname": "last_name",
        "companyName": "company",
        "teamSize": "fields.company_size",
        "utm_source": "utm.source",
    }
    assert found["unmapped"] == ["colour", "other_email"]


def test_a_person_is_told_when_nobody_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = tmp_path / "sample.txt"
    sample.write_text("colour=blue")
    assert main.run(["map", str(sample)]) == 0
    assert "map one by hand" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "options", "code", "said"),
    [
        ("{", [], 1, "not JSON"),
        ("{}", ["--adapter", "tally"], 1, "no answers as tally"),
        ("{}", ["--adapter", "segment"], 2, "names no questions"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    text: str,
    options: list[str],
    code: int,
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text(text)
    assert main.run(["map", str(sample), *options]) == code
    err = capsys.readouterr().err
    assert said in err
    assert len(err.splitlines()) == 1
