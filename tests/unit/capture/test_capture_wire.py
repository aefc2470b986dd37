"""JSON from strangers: what is refused, and that nothing else goes wrong."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.capture import wire
from services.capture.leadform import assemble
from services.capture.wire import Unparsable, parse_json, text_of


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":"\\u0000"}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b"[" * 100_000,
        b"[" * 40 + b"]" * 40,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" + b"1," * 3_000 + b"1]",
        '{"a":"é"}'.encode("latin-1"),
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_what_parsers_or_databases_disagree_about_is_refused(raw: bytes) -> None:
    with pytest.raises(Unparsable):
        parse_json(raw)


texts = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",)))
numbers = st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@given(value=values, escaped=st.booleans())
def test_everything_else_is_read_as_the_standard_library_does(value: object, escaped: bool) -> None:
    raw = json.dumps(value, ensure_ascii=escaped).encode()
    assert parse_json(raw) == json.loads(raw)


_PIECES = [
    *'{}[]:, "', '"a"', '"b":', '{"a":1', ',"a":2', '"a" :3', "1", "-0", "1.5", "1e999", "true",
    "null", "NaN", "\\", '"\\u0061":', "\n", "\ufeff", "9" * 25, '" "', '"é"',
]  # fmt: skip


@settings(max_examples=500)
@given(st.lists(st.sampled_from(_PIECES), max_size=12))
def test_a_text_that_is_read_at_a_glance_is_what_a_closer_look_makes_of_it(
    pieces: list[str],
) -> None:
    raw = "".join(pieces).encode()
    glance = wire._plain(raw)
    if glance is not None:
        assert repr(glance) == repr(wire._inspected(raw, 0))


@pytest.mark.parametrize(
    "raw",
    [b'{"a":1,"a":2}', b'{"a":{"b":1,"b" :1}}', b'[{"a":[]},{"a":"a","a":"a"}]', b'{"":"","":""}'],
)
def test_a_name_that_stands_there_twice_is_not_overlooked(raw: bytes) -> None:
    assert wire._plain(raw) is None


def test_most_texts_are_read_at_a_glance() -> None:
    raw = b'{"email": "dana@acme.com", "utm": {"source": "x"}, "tags": ["a", 1, true, null]}'
    assert wire._plain(raw) == json.loads(raw)


@given(raw=st.binary(max_size=400))
def test_any_bytes_are_a_value_or_unparsable(raw: bytes) -> None:
    try:
        text_of(parse_json(raw)).encode()
    except Unparsable:
        return


@given(values=st.dictionaries(st.text(max_size=30), values, max_size=12))
def test_whatever_a_hook_says_about_a_person_is_kept_within_bounds(
    values: dict[str, object],
) -> None:
    form = assemble({**values, "email": "dana@northwind.example"})
    assert form.email == "dana@northwind.example"
    assert len(form.fields) <= 100
    assert all(len(text) <= 2_000 for text in form.fields.values())


def test_a_field_that_cannot_hold_its_value_is_kept_as_it_was_given() -> None:
    form = assemble(
        {"email": "d@n.example", "kind": "sales!", "submitted_at": "yesterday", "consent": 3}
    )
    assert (form.kind, form.submitted_at, form.consent) == (None, None, ())
    assert form.fields == {
        "kind_as_given": "sales!",
        "submitted_at_as_given": "yesterday",
        "consent_as_given": "3",
    }


def test_an_identity_is_never_cut_to_fit() -> None:
    with pytest.raises(Unparsable):
        assemble({"external_id": "x" * 500})


def test_a_full_name_is_first_and_last_unless_those_were_given() -> None:
    form = assemble({"email": "d@n.example", "full_name": "Dana Maria Ruiz", "last_name": "Ruiz"})
    assert (form.first_name, form.last_name) == ("Dana", "Ruiz")
