"""Mail providers that deliver several spellings to one mailbox.

Only what a provider documents is listed. For every other domain two spellings are two mailboxes:
a company's own domain may sit at Google Workspace, where dots do matter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Provider:
    """What one provider ignores in an address."""

    domains: tuple[str, ...]
    reason: str
    plus_tags: bool = True
    """``ana+demo`` is delivered to ``ana``."""
    ignores_dots: bool = False
    """``a.na`` is delivered to ``ana``."""
    canonical: str | None = None
    """The domain to write where all of ``domains`` are the same mailboxes."""


PROVIDERS: tuple[Provider, ...] = (
    Provider(
        domains=("gmail.com", "googlemail.com"),
        reason="Gmail ignores dots and anything after a plus; googlemail.com is the same mailbox",
        ignores_dots=True,
        canonical="gmail.com",
    ),
    Provider(
        domains=tuple(
            f"{name}.{end}"
            for name, ends in (
                (
                    "outlook",
                    "com com.ar com.au com.br com.tr at be cl co.id co.il cz de dk es fr "
                    "hu ie in it jp kr lv my ph pt sa sg sk",
                ),
                (
                    "hotmail",
                    "com be ca ch cl co.il co.jp co.uk com.ar com.au com.br com.tr de dk "
                    "es fi fr gr it nl no se",
                ),
                (
                    "live",
                    "com at be ca cl cn co.uk co.za com.ar com.au com.mx com.pt com.sg de "
                    "dk fi fr ie in it jp nl no ru se",
                ),
                ("msn", "com"),
                ("windowslive", "com"),
            )
            for end in ends.split()
        ),
        reason="Outlook.com takes what follows a plus as a tag; dots and domains are distinct",
    ),
    Provider(
        domains=("fastmail.com", "fastmail.fm", "sent.com"),
        reason="Fastmail files user+folder into the mailbox of user; dots are distinct",
    ),
    Provider(
        domains=("icloud.com", "me.com", "mac.com"),
        reason="iCloud Mail takes what follows a plus as a tag",
    ),
    Provider(
        domains=("proton.me", "protonmail.com", "protonmail.ch", "pm.me"),
        reason="Proton Mail documents +aliases of an address",
    ),
    Provider(
        domains=("zoho.com", "zoho.eu", "zoho.in", "zohomail.com", "zohomail.eu"),
        reason="Zoho Mail delivers user+tag to user",
    ),
    Provider(
        domains=("yandex.com", "yandex.ru", "ya.ru", "yandex.kz", "yandex.by"),
        reason="Yandex Mail delivers login+tag to login",
    ),
    Provider(
        domains=("hey.com",),
        reason="HEY documents plus addressing",
    ),
    Provider(
        domains=("mailbox.org", "posteo.de", "posteo.net", "runbox.com"),
        reason="documented mail extensions after a plus",
    ),
)

_BY_DOMAIN = {domain: provider for provider in PROVIDERS for domain in provider.domains}


def provider_of(domain: str) -> Provider | None:
    """The provider whose rules hold for a domain (exact match, ASCII, lower case)."""
    return _BY_DOMAIN.get(domain)
