"""Samples are what form tools really send: each goes through its source's own adapter."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from schemas.base import KindName
from services.capture.adapters.base import Delivered, Unparsable, Verdict
from services.capture.config import parse
from services.capture.leadform import LeadForm
from services.cli import configfiles
from services.cli.samples import Sample, samples
from services.enrichment.offline.headcount import stated
from services.kernel.identity import normalise_email
from tests.support.hooks import signed

_AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
_SOURCES = parse(configfiles.load(configfiles.folder(None))).sources
_SECRET = b"a secret of forty characters, more or less"
_FIRST_120 = list(islice(samples("run", _AT), 120))


def _read(sample: Sample) -> LeadForm:
    source = _SOURCES[sample.source]
    return source.adapter.to_lead(Delivered(sample.body), source.view)


@pytest.mark.parametrize("number", range(len(_FIRST_120)))
def test_each_sample_is_read_by_its_source_s_adapter_and_mapping(number: int) -> None:
    sample = _FIRST_120[number]
    if sample.note == "unreadable body":
        with pytest.raises(Unparsable):
            _read(sample)
        return
    form = _read(sample)
    assert form.email
    assert normalise_email(form.email)
    assert form.email.endswith(".example")
    assert form.first_name
    assert form.last_name
    assert form.company
    assert form.country
    assert form.job_title
    assert form.submitted_at in (_AT, _AT + timedelta(seconds=1))
    assert form.test == (sample.note == "test lead")
    kind = form.kind or _SOURCES[sample.source].config.kind
    assert kind in set(KindName)
    if sample.source == "typeform_demo":
        assert stated(form.fields) is not None, form.fields


def test_every_hook_sample_can_be_signed_as_its_tool_does() -> None:
    for sample in _FIRST_120:
        adapter = _SOURCES[sample.source].adapter
        if sample.source == "api":
            continue
        request = signed(adapter, sample.body, _SECRET, _AT.timestamp())
        assert adapter.verify(request, [_SECRET], _AT.timestamp()) is Verdict.VERIFIED
        assert adapter.verify(request, [b"another"], _AT.timestamp()) is not Verdict.VERIFIED


def test_the_traps_are_what_they_say() -> None:
    notes = Counter(sample.note for sample in _FIRST_120)
    assert notes.keys() == {"", "delivery retry", "unreadable body", "test lead", "double click"}
    for number, sample in enumerate(_FIRST_120):
        before = _FIRST_120[number - 1]
        if sample.note == "delivery retry":
            assert sample.body in [other.body for other in _FIRST_120[:number]]
            assert sample.source == before.source
        if sample.note == "double click":
            earlier = [o for o in _FIRST_120[:number] if o.source == "website" and not o.note]
            mine, other = (json.loads(one.body)["data"] for one in (sample, earlier[-1]))
            assert mine.pop("submitted_at") != other.pop("submitted_at")
            assert mine == other
            assert sample.source == "website"


def test_ordinary_ones_come_from_every_source_and_differ() -> None:
    ordinary = [sample for sample in _FIRST_120 if not sample.note]
    assert {sample.source for sample in ordinary} == {"typeform_demo", "website", "api"}
    assert len({_read(sample).email for sample in ordinary}) == len(ordinary)
    assert len({sample.body for sample in ordinary}) == len(ordinary)


def test_another_run_meets_other_people() -> None:
    again = list(islice(samples("other", _AT), 120))
    known = {_read(sample).email for sample in _FIRST_120 if sample.note != "unreadable body"}
    assert not known & {_read(sample).email for sample in again if sample.note != "unreadable body"}
