"""Every example of a received submission becomes a valid lead or is set aside with a reason."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from schemas.base import Lane
from schemas.cloudevents import Envelope
from schemas.lead import LeadCaptured
from schemas.submission import SubmissionQuarantined, SubmissionReceived
from services.capture import config, events
from services.capture.batch import Batch, LeadRow, identify
from services.capture.interpret import interpret
from services.capture.people import Known
from services.capture.screening import SetAside
from services.runtime.records import Output, Record

_ROOT = Path(__file__).parents[3]
_GOOD = sorted((_ROOT / "schemas/examples" / SubmissionReceived.TYPE / "good").glob("*.json"))
_BAD = sorted((_ROOT / "schemas/examples" / SubmissionReceived.TYPE / "bad").glob("*.json"))
_FILES = {p.name: p.read_text() for p in (_ROOT / "deploy/config").glob("*.yaml")}
_NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
_CONFIG = config.parse(_FILES)


def outcome(event: SubmissionReceived) -> Output:
    """What the stage would publish were it the first submission ever."""
    out = events.submission_output(event)
    envelope = Envelope.from_headers(out.headers)
    record = Record(event, envelope, out.topic, 0, 0, out.key, out.value, out.headers)
    # Whatever a source is called in the example, it is one of ours here.
    known = _CONFIG.sources.get(event.source) or _CONFIG.sources["website"]
    found = interpret(event, replace(_CONFIG, sources={**_CONFIG.sources, event.source: known}))
    if isinstance(found, SetAside):
        return events.quarantine_output(record, events.quarantined(record, found), _NOW, None)
    batch = Batch([(record, found)], b"secret")
    tokens = {t: Known(t, t, _NOW) for t in batch.tokens[record.id].all}
    leads, _ = identify(batch, tokens)
    [new] = batch.new_touches(leads)
    touches = batch.touches(leads, {new.lead_id: LeadRow(new.account_key, 1)}, {})
    return events.lead_output(
        record, events.captured(record, found, touches[record.id]), _NOW, None
    )


@pytest.mark.parametrize("path", _GOOD, ids=lambda path: path.stem)
def test_an_example_gives_a_valid_event_about_itself(path: Path) -> None:
    event = SubmissionReceived.read(path.read_bytes())
    out = outcome(event)
    model = LeadCaptured if out.topic.startswith("leads.") else SubmissionQuarantined
    schema = json.loads((_ROOT / "schemas/jsonschema" / f"{model.TYPE}.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(json.loads(out.value))
    found = model.read(out.value)
    assert found.submission_id == event.submission_id
    assert isinstance(found.causation_id, UUID)
    if isinstance(found, LeadCaptured):
        assert out.key == found.lead.account_key.encode()
        assert out.topic.endswith("bulk.v1") == (event.lane is Lane.BULK)
    else:
        assert out.key == event.delivery_key.encode()


@pytest.mark.parametrize("path", _BAD, ids=lambda path: path.stem)
def test_a_bad_example_never_reaches_the_stage(path: Path) -> None:
    with pytest.raises(ValueError, match="validation error"):
        SubmissionReceived.read(path.read_bytes())
