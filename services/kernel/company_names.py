"""Company names: what is left of one when spelling and legal form are taken off."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from cleanco import basename

_NO_WORD = re.compile(r"[^\w]+")
_ARTICLES = frozenset({"the", "la", "le", "les", "die", "der", "das", "el", "los", "il"})
_SPELT_OUT = str.maketrans({"&": " and ", "+": " and "})
_PREFIX = 6


@lru_cache(maxsize=8_192)
def clean_name(name: str) -> str:
    """``The Acme & Sons GmbH`` gives ``acme and sons``: lower case, no accents, no legal form.

    Empty where nothing is left. Legal forms: package ``cleanco``.
    """
    text = str(basename(name[:200].strip())) or name[:200]
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
