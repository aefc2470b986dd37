"""E-mail addresses: one spelling for the same mailbox, and never one for two."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from services.kernel.identity.providers import Provider, provider_of

_PLAIN: Final = re.compile(
    r"([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)@"
    r"((?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+([a-z]{2,20}))"
)
_MOST_CHARACTERS: Final = 63
"""On either side of the @; no more than any label of a domain may have."""
_SPECIAL: Final = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
"""Top-level domains under which something is no address on the Internet."""


@dataclass(frozen=True, slots=True)
class NormalisedEmail:
    """An address that follows the syntax of RFC 5321 and 6531; nobody checked that it exists."""

    original: str
    """As the person wrote it, without surrounding white space. For display."""
    address: str
    """Lower case, NFC, domain in ASCII. What mail is sent to; tags and dots are kept."""
    identity: str
    """The mailbox: ``address`` without what its provider is known to ignore. What a lead is."""
    local: str
    """The part of ``address`` before the @."""
    domain: str
    """The part of ``address`` after the @ (ASCII, so ``xn--`` for international names)."""


def normalise_email(raw: str | None) -> NormalisedEmail | None:
    """The one spelling of an address; None where it is none.

    Reserved names that documentation and tests use (``.example``, ``.test``) are addresses here;
    whether to accept them is a matter of screening. Never looks anything up in the DNS.
    """
    original = (raw or "").strip()
    parts = _parts(original) if original else None
    if parts is None:
        return None
    local, domain = parts
    provider = provider_of(domain)
    return NormalisedEmail(
        original=original,
        address=f"{local}@{domain}",
        identity=_identity(local, domain, provider),
        local=local,
        domain=domain,
    )


def is_email(raw: str | None) -> bool:
    """Whether :func:`normalise_email` makes an address of it."""
    original = (raw or "").strip()
    return bool(original) and _parts(original) is not None


def _parts(text: str) -> tuple[str, str] | None:
    return _plain(text) or _validated(text)


def _plain(text: str) -> tuple[str, str] | None:
    """The parts of an address about which there is nothing to ask: most are so.

    A tenth of the work of the validator, whose answer would be the same (property test).
    """
    if len(text) > 2 * _MOST_CHARACTERS + 1 or not text.isascii():
        return None
    found = _PLAIN.fullmatch(text.lower())
    if found is None:
        return None
    local, domain, last = found.groups()
    if last in _SPECIAL or max(len(local), len(domain)) > _MOST_CHARACTERS:
        return None
    return local, domain


def _validated(text: str) -> tuple[str, str] | None:
    try:
        found = validate_email(text, check_deliverability=False, test_environment=True)
        local = _fold(found.local_part)
        if not local.isascii():
            # Folding can lengthen a local part beyond what the standard allows.
            validate_email(
                f"{local}@{found.ascii_domain}", check_deliverability=False, test_environment=True
            )
    except EmailNotValidError:
        return None
    return local, found.ascii_domain


def _fold(local: str) -> str:
    # lower(), not casefold(): casefold takes "ß" for "ss", which are two mailboxes.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())


def _identity(local: str, domain: str, provider: Provider | None) -> str:
    if provider is None:
        return f"{local}@{domain}"
    name = local.split("+", 1)[0] if provider.plus_tags else local
    if provider.ignores_dots:
        name = name.replace(".", "")
    # Nothing, or what is no name, before the tag ("+tag@…", "a.+tag@…"): then the whole is it.
    whole = not name or name.endswith(".")
    return f"{local if whole else name}@{provider.canonical or domain}"


_ROLES = frozenset(
    """
    abuse accounting accounts ads admin administrator all billing board booking bookings careers
    ceo compliance contact contactus customercare customerservice customersuccess dev devnull
    devops employment enquiries enquiry events everyone feedback finance founders ftp general
    hello help helpdesk hi hostmaster hr info information inquiries inquiry investors invoice
    invoices it itsupport jobs join legal mail mailerdaemon mailbox marketing media
    newsletter nobody noc noreply donotreply office operations ops orders partners partnerships
    payments payroll postmaster pr press privacy procurement purchasing recruiting recruitment
    reception registration root sales security service services shop spam subscribe support
    sysadmin team tech techsupport test uucp unsubscribe usenet web webmaster welcome www
    anfrage bewerbung buchhaltung einkauf empfang kontakt kundenservice personal presse rechnung
    vertrieb verwaltung zentrale
    achats bonjour commercial compta comptabilite direction rh secretariat ventes
    administracion ayuda compras contacto facturacion hola rrhh soporte ventas
    atendimento comercial contato financeiro suporte vendas
    acquisti amministrazione assistenza commerciale contatti segreteria vendite
    administratie inkoop klantenservice verkoop
    """.split()  # noqa: SIM905 - a paragraph is easier to review than two hundred quoted lines
)


def is_role_address(local: str) -> bool:
    """True where a local part names a function (``sales``, ``no-reply``) and not a person."""
    name = local.lower().split("+", 1)[0]
    return "".join(letter for letter in name if letter not in "-_.") in _ROLES
