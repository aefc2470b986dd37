"""Which sort of page an address is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.configfile import ConfigError
from services.scoring.checking import findings
from services.scoring.config import parse
from services.scoring.pages import page_kind

_TEXT = (Path(__file__).parents[3] / "deploy/config/scoring.yaml").read_text("utf-8")
PAGES = parse({"scoring.yaml": _TEXT}).pages


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://www.example.com/pricing", "pricing"),
        ("https://www.example.com/Pricing/teams?plan=pro#faq", "pricing"),
        ("/preise", "pricing"),
        ("https://www.example.com/handraise-vs-rival", "comparison"),
        ("https://docs.example.com/pricing", "pricing"),
        ("https://docs.example.com/start", "docs"),
        ("https://docs.example.com.evil.example/start", None),
        ("https://www.example.com/blog/pricing-is-hard", None),
        ("https://www.example.com/?next=/pricing", None),
        ("https://www.example.com", None),
        ("https://[broken/pricing", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_has_the_kind_of_the_first_rule_that_fits(
    url: str | None, kind: str | None
) -> None:
    assert page_kind(PAGES, url) == kind


@given(st.text(max_size=300))
def test_no_address_breaks_it(url: str) -> None:
    page_kind(PAGES, url)


def _with(pages: str) -> str:
    start = _TEXT.index("pages:\n  - {kind: pricing, paths")
    return (
        _TEXT[:start] + f"pages: {pages}\n\n" + _TEXT[_TEXT.index("# What is seen about a comp") :]
    )


def test_a_rule_says_which_pages_are_meant() -> None:
    with pytest.raises(ConfigError, match="hosts, paths or contains must say"):
        parse({"scoring.yaml": _with("[{kind: pricing}]")})


@pytest.mark.parametrize(
    ("pages", "dead"),
    [
        ("[{kind: a, paths: [/p]}, {kind: b, paths: [/pricing]}]", [1]),
        ("[{kind: a, hosts: [x.example]}, {kind: b, hosts: [x.example], paths: [/q]}]", [1]),
        ("[{kind: a, contains: [vs]}, {kind: b, contains: [-vs-]}]", [1]),
        ("[{kind: a, paths: [/pricing]}, {kind: b, paths: [/p]}]", []),
        ("[{kind: a, hosts: [x.example], paths: [/p]}, {kind: b, paths: [/p]}]", []),
        ("[{kind: a, paths: [/p]}, {kind: b, hosts: [x.example]}]", []),
    ],
)
def test_the_check_finds_rules_that_are_never_reached(pages: str, dead: list[int]) -> None:
    model = parse({"scoring.yaml": _with(pages)})
    found = [one.path for one in findings(model) if one.path[0] == "pages"]
    assert found == [("pages", at) for at in dead]
