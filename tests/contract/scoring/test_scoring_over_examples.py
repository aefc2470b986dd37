"""Every example of what enrichment says is scored, and what comes out keeps the contract."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from schemas.enrichment import LeadEnriched
from schemas.score import LeadScored
from services.scoring.assess import assess, touch_of
from services.scoring.rules import parse

_ROOT = Path(__file__).parents[3]
_GOOD = sorted((_ROOT / "schemas/examples" / LeadEnriched.TYPE / "good").glob("*.json"))
_FOLDER = _ROOT / "deploy/config"
_MODEL = parse(
    {name: (_FOLDER / name).read_text("utf-8") for name in ("scoring.yaml", "qualification.yaml")}
)
_SCHEMA = json.loads((_ROOT / "schemas/jsonschema" / f"{LeadScored.TYPE}.json").read_text("utf-8"))


@pytest.mark.parametrize("path", _GOOD, ids=lambda path: path.stem)
def test_an_example_gives_a_valid_score(path: Path) -> None:
    event = LeadEnriched.read(path.read_bytes())
    touch = touch_of(event, UUID(int=1))
    touches = [touch] if touch else []
    assert (touch is None) == (event.late or event.repeat == "double_submit")
    scored = assess(_MODEL, "abc", event, UUID(int=1), None, touches, 1).event
    Draft202012Validator(_SCHEMA).validate(json.loads(scored.encode()))
    assert LeadScored.read(scored.encode()) == scored
    assert scored.submission_id == event.submission_id
    assert sum(line.points for line in scored.ledger) == scored.score.total
