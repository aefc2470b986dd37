"""The name by which a company is known: without its legal form, and not shouted.

cleanco knows the legal forms of the world. It compares a name with each of them, which takes 60
microseconds; it is given only those that end in the name's last word.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from cleanco.clean import (
    custom_basename,
    normalized,
    prepare_default_terms,
    strip_punct,
    strip_tail,
)

_Terms = list[tuple[int, list[str]]]


def _by_last_word() -> dict[str, _Terms]:
    found: dict[str, _Terms] = {}
    for size, words in prepare_default_terms():
        found.setdefault(words[-1], []).append((size, words))
    return found


_FORMS: Final = _by_last_word()
_MOST_FORMS: Final = 4
_LONGEST: Final = 200
_ACRONYM: Final = 4
"""Letters up to which capitals are taken for an acronym."""


@lru_cache(maxsize=4096)
def clean(name: str) -> str:
    """The name without legal form and surplus blanks; never empty where ``name`` is not."""
    text = " ".join(name.split())[:_LONGEST]
    for _ in range(_MOST_FORMS):  # "GmbH & Co. KG" are two
        shorter = _without_form(text)
        if not shorter or shorter == text:
            break
        text = shorter
    text = text.strip(" ,;-–&") or text
    return _spoken(text) if text.isupper() else text


def _without_form(text: str) -> str:
    bare = strip_tail(text)
    last = bare.rpartition(" ")[2]
    forms = _FORMS.get(strip_punct(normalized(last)))
    return str(custom_basename(text, forms)) if forms else text


def _spoken(text: str) -> str:
    """Capitals throughout are a keyboard's, except in short words, which are acronyms."""
    return " ".join(w if len(w) <= _ACRONYM else w.capitalize() for w in text.split(" "))
