"""What the language of a browser or a form says about a country: little, so it comes last."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from services.kernel.countries import COUNTRIES

_NAMES = frozenset(
    {
        "acceptlanguage", "browserlanguage", "formlanguage", "hslanguage", "lang", "language",
        "locale", "userlanguage",
    }
)  # fmt: skip
"""Names of the answer, without case and punctuation."""

_CODES = frozenset(COUNTRIES)
_TAG = re.compile(r"^([a-z]{2,3})(?:[-_][A-Z][a-z]{3})?(?:[-_]([A-Za-z]{2}))?(?![A-Za-z])")

_HOME = {
    "cs": "CZ", "da": "DK", "el": "GR", "et": "EE", "fi": "FI", "he": "IL", "hu": "HU", "is": "IS",
    "ja": "JP", "ko": "KR", "lt": "LT", "lv": "LV", "nb": "NO", "no": "NO", "pl": "PL", "ro": "RO",
    "sk": "SK", "sl": "SI", "sv": "SE", "th": "TH", "tr": "TR", "uk": "UA", "vi": "VN",
}  # fmt: skip
"""Languages that are spoken at work mainly in one country. German, French and the like are not."""


def country(answers: Mapping[str, str]) -> str | None:
    """ISO 3166-1 alpha-2 from a form's language field (``de-AT``, ``ja``, ``fr-CH;q=0.9, en``).

    ``en-US`` says nothing: it is what browsers say that nobody set.
    """
    for name in sorted(answers):
        if _asks(name):
            return _of(answers[name].strip())
    return None


# The questions of forms are few and come again and again.
@lru_cache(maxsize=1024)
def _asks(name: str) -> bool:
    return re.sub(r"[\W_]", "", name.casefold()) in _NAMES


def _of(tag: str) -> str | None:
    found = _TAG.match(tag[:35])
    if found is None:
        return None
    language, territory = found[1], (found[2] or "").upper()
    if (language, territory) == ("en", "US"):
        return None
    return territory if territory in _CODES else _HOME.get(language)
