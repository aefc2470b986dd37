"""A form that needs no mending is read in one step, and says what mending it would say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.capture.adapters.api import Api
from services.capture.adapters.base import Delivered, SourceView
from services.capture.leadform import as_it_is, assemble
from services.capture.wire import compact

_TEXT = st.none() | st.text(max_size=30)
_ENTRIES = st.dictionaries(st.text(min_size=1, max_size=8), _TEXT | st.integers(), max_size=4)
FORMS = st.fixed_dictionaries(
    {"email": st.just("dana@northwind.example")},
    optional={
        "kind": st.sampled_from(["demo_request", "webinar"]) | st.none(),
        "first_name": _TEXT,
        "message": _TEXT,
        "phone": _TEXT,
        "country": _TEXT,
        "form_id": _TEXT,
        "page_url": _TEXT,
        "external_id": _TEXT,
        "utm": st.fixed_dictionaries({}, optional={"source": _TEXT, "term": _TEXT}),
        "click_ids": _ENTRIES,
        "fields": _ENTRIES,
        "test": st.booleans(),
        "submitted_at": st.just("2026-11-23T09:00:00+01:00"),
        "consent": st.just([{"purpose": "p", "channel": "email", "basis": "opt_in"}]),
    },
)


@given(FORMS)
def test_it_says_what_mending_would_say(values: dict[str, Any]) -> None:
    direct = as_it_is(values)
    assert direct is not None
    assert direct == assemble(values)


@pytest.mark.parametrize(
    "more",
    [{"utm_source": "google"}, {"unheard_of": "x"}, {"company": 7}, {"last_name": "x" * 201}],
)
def test_what_has_to_be_mended_still_is(more: dict[str, Any]) -> None:
    values = {"email": "dana@northwind.example", **more}
    assert as_it_is(values) is None
    form = Api().to_lead(Delivered(compact(values)), SourceView())
    assert form.email == values["email"]
