"""Every example of what capture says is enriched, and what comes out keeps the contract."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from schemas.enrichment import LeadEnriched
from schemas.lead import LeadCaptured
from services.enrichment.publish import to_output
from services.enrichment.revise import picture, revise, touched, unknown

_ROOT = Path(__file__).parents[3]
_GOOD = sorted((_ROOT / "schemas/examples" / LeadCaptured.TYPE / "good").glob("*.json"))
_SCHEMA = json.loads(
    (_ROOT / "schemas/jsonschema" / f"{LeadEnriched.TYPE}.json").read_text("utf-8")
)
_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize("path", _GOOD, ids=lambda path: path.stem)
def test_an_example_gives_a_valid_revision(path: Path) -> None:
    event = LeadCaptured.read(path.read_bytes())
    input_id = UUID(int=1)
    state = touched(unknown(event.lead.lead_id), event, input_id)
    view = picture(state, event, _NOW)
    _, revision = revise(state, event, input_id, view, at=_NOW)
    out = to_output(revision, None)
    Draft202012Validator(_SCHEMA).validate(json.loads(out.value))
    found = LeadEnriched.read(out.value)
    # Nothing that the person said is lost or changed; consents come in the order of their names.
    assert found.lead.model_copy(update={"consent": ()}) == event.lead.model_copy(
        update={"consent": ()}
    )
    assert set(found.lead.consent) == set(event.lead.consent)
    assert found.submission_id == event.submission_id
    assert out.key == event.lead.account_key.encode()
    assert out.topic.endswith("bulk.v1") == (event.lane == "bulk")
