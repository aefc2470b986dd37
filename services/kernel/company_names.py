"""Company names: without their legal form, for people to read and for names to be compared.

cleanco knows the legal forms of the world. It compares a name with each of them, which takes 60
microseconds; it is given only those that end in the name's last word.
"""

from __future__ import annotations

import re
import unicodedata
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
_NO_WORD = re.compile(r"[^\w]+")
_ARTICLES = frozenset({"the", "la", "le", "les", "die", "der", "das", "el", "los", "il"})
_SPELT_OUT = str.maketrans({"&": " and ", "+": " and "})
_PREFIX = 6


@lru_cache(maxsize=4_096)
def spoken_name(name: str) -> str:
    """The name as people say it: no legal form, no surplus blanks, not shouted. Never empty where
    ``name`` is not."""
    text = _without_forms(name)
    if not text.isupper():
        return text
    # Capitals throughout are a keyboard's, except in short words, which are acronyms.
    return " ".join(w if len(w) <= _ACRONYM else w.capitalize() for w in text.split(" "))


@lru_cache(maxsize=8_192)
def clean_name(name: str) -> str:
    """What names are compared by: ``The Acme & Sons GmbH`` gives ``acme and sons``.

    Lower case, no accents, no legal form, no article. Empty where nothing is left.
    """
    text = _without_forms(name)
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_SPELT_OUT))
    plain = "".join(one for one in folded if not unicodedata.combining(one))
    words = _NO_WORD.sub(" ", plain).split()
    if len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    return " ".join(words)


def name_blocks(clean: str) -> frozenset[str]:
    """Where names that may be the same meet: only they are compared letter by letter.

    The whole name, its first word, and its first letters without spaces (``data dog`` and
    ``datadog``).
    """
    if not clean:
        return frozenset()
    together = clean.replace(" ", "")
    return frozenset({f"x:{clean}", f"t:{clean.split(maxsplit=1)[0]}", f"c:{together[:_PREFIX]}"})


def _without_forms(name: str) -> str:
    text = " ".join(name.split())[:_LONGEST]
    for _ in range(_MOST_FORMS):  # "GmbH & Co. KG" are two
        shorter = _without_form(text)
        if not shorter or shorter == text:
            break
        text = shorter
    return text.strip(" ,;-–&") or text


def _without_form(text: str) -> str:
    bare = strip_tail(text)
    last = bare.rpartition(" ")[2]
    forms = _FORMS.get(strip_punct(normalized(last)))
    return str(custom_basename(text, forms)) if forms else text
