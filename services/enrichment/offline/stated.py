"""What forms and lists say of a company beside its size: industry, technologies, funding, domain.

A list of prospects has such columns; the profile of whom we sell to asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from services.enrichment.providers.values import Value, WrongValueError, checked
from services.kernel.identity import EmailClass, email_class, registrable_domain

DOMAIN: Final = "domain"
_LONGEST: Final = 500
_NAMES: Final[Mapping[str, str]] = {
    "industry": "industry companyindustry sector branche vertical",
    "technologies": "technologies technology techstack companytechnologies",
    "funding_stage": "fundingstage funding lastround latestfunding latestfundingstage",
    DOMAIN: "companydomain domain website companywebsite companyurl webseite",
}
"""Names of the questions or columns, without case and punctuation."""
_TARGETS: Final = {name: to for to, names in _NAMES.items() for name in names.split()}


def facts(answers: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    """Field and value; what is no value of its field says nothing."""
    for target, text in _said(answers).items():
        if target == DOMAIN:
            continue
        many = target == "technologies"
        raw = [one.strip() for one in re.split(r"[,;|]", text)] if many else text
        try:
            yield target, checked(target, raw)
        except WrongValueError:
            continue


def domain(answers: Mapping[str, str]) -> str | None:
    """The registrable domain that is named; None where anybody can have a mailbox at it."""
    text = _said(answers).get(DOMAIN)
    if text is None:
        return None
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return None
    return registrable_domain(host) if email_class(host) is EmailClass.BUSINESS else None


def _said(answers: Mapping[str, str]) -> dict[str, str]:
    """Of several questions about the same the first by name that was answered."""
    found: dict[str, str] = {}
    for name in sorted(answers):
        target = _target(name)
        if target is not None and (text := answers[name].strip()[:_LONGEST]):
            found.setdefault(target, text)
    return found


# The questions of forms are few and come again and again.
@lru_cache(maxsize=1024)
def _target(name: str) -> str | None:
    return _TARGETS.get(re.sub(r"[\W_]", "", name.casefold()))
