"""The subset of YAML that configuration is written in."""

from __future__ import annotations

import time

import pytest

from services.runtime import yamltext
from services.runtime.yamltext import YamlError
from tests.support.waiting import PATIENCE


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("''", ""),
        ("'true'", "true"),
        ("12", 12),
        ("-3", -3),
        ("007", 7),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        ("09:30", "09:30"),
        ("17:30", "17:30"),
        ("2026-01-01", "2026-01-01"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".inf", ".inf"),
        ("1.2.3", "1.2.3"),
        ('"12"', "12"),
    ],
)
def test_scalars_are_what_they_look_like(text: str, value: object) -> None:
    got = yamltext.read(f"key: {text}").data["key"]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [\n", 3, "not YAML"),
        ("a: 1\n\tb: 2\n", 2, "not YAML"),
        ("a: *x\n", 1, "has no anchor"),
        ("a: 1\nb: &x [*x]\n", 2, "contains itself"),
        ("a: !!python/object:os.system x\n", 1, "is not supported"),
        ("a: !secret x\n", 1, "is not supported"),
        ("a: 1\n---\nb: 2\n", 2, "more than one document"),
        ("? [a, b]\n: 1\n", 1, "a key must be a plain text"),
        ("x: &x {a: 1}\ny:\n  <<: *x\n", 3, "merge keys"),
        ("a: 1\nb: \x07\n", 2, "not YAML"),
        ("[" * 100_000, 1, "nested deeper"),
        ("a" * (yamltext.MAX_BYTES + 1), 1, "larger than"),
    ],
)
def test_refused(text: str, line: int, message: str) -> None:
    with pytest.raises(YamlError, match=message) as caught:
        yamltext.read(text)
    assert caught.value.line == line


def test_an_alias_bomb_costs_nothing() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 10)}]\n"
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    began = time.monotonic()
    with pytest.raises(YamlError, match="more than 100000 values"):
        yamltext.read(bomb)
    assert time.monotonic() - began < PATIENCE * 2


def test_an_alias_repeats_its_value() -> None:
    document = yamltext.read("a: &x {b: 1}\nc: *x\n")
    assert document.data == {"a": {"b": 1}, "c": {"b": 1}}
    assert document.lines["c",] == 2
