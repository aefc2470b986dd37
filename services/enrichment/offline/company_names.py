"""The name by which a company is known: without its legal form, and not shouted.

cleanco knows the legal forms of the world and takes 60 microseconds; it is asked only where the
name ends or begins with one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from cleanco import basename, prepare_default_terms

_TERMS: Final = prepare_default_terms()
_FORMS: Final = frozenset(
    re.sub(r"[\W_]", "", part) for _, words in _TERMS for part in (words[0], words[-1])
)
_LONGEST: Final = 200
_ACRONYM: Final = 4
"""Letters up to which capitals are taken for an acronym."""


@lru_cache(maxsize=4096)
def clean(name: str) -> str:
    """The name without legal form and surplus blanks; never empty where ``name`` is not."""
    text = " ".join(name.split())[:_LONGEST]
    if _may_have_a_form(text):
        text = basename(text) or text
    text = text.strip(" ,;-–") or text
    return _spoken(text) if text.isupper() else text


def _may_have_a_form(text: str) -> bool:
    words = text.casefold().split()
    ends = (words[0], words[-1]) if words else ()
    return any(re.sub(r"[\W_]", "", word) in _FORMS for word in ends)


def _spoken(text: str) -> str:
    """Capitals throughout are a keyboard's, except in short words, which are acronyms."""
    return " ".join(w if len(w) <= _ACRONYM else w.capitalize() for w in text.split(" "))
