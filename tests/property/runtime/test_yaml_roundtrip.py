"""Whatever a YAML writer writes is read back, and every key is found in its line."""

from __future__ import annotations

import re

import yaml
from hypothesis import given
from hypothesis import strategies as st

from services.runtime import yamltext

_signs = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn"))
# PyYAML writes by YAML 1.1 and leaves texts bare that are numbers in 1.2, as 0E0.
_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?|0o[0-7]+|0x[0-9a-fA-F]+")
_words = st.text(_signs, max_size=8).filter(lambda word: not _NUMBER.fullmatch(word))
_keys = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True).filter(
    lambda word: word not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
)
_scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _words
_data = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_keys, _data, max_size=5), st.sampled_from([True, False, None]))
def test_round_trip(data: dict[str, object], flow: bool | None) -> None:
    text = yaml.safe_dump(data, default_flow_style=flow, allow_unicode=True)
    document = yamltext.read(text)
    assert document.data == data
    lines = text.splitlines()
    for path, line in document.lines.items():
        if path and isinstance(path[-1], str):
            assert path[-1] in lines[line - 1]
