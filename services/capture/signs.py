"""What in a submission speaks against it. Each sign is weak by itself."""

from __future__ import annotations

import hmac
import re
from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Final

from services.capture.leadform import LeadForm
from services.capture.normalize import Draft
from services.capture.screening_config import Rules, Sign
from services.kernel.identity import EmailClass, email_class, impossible_phone

TOO_FAST: Final = timedelta(seconds=2)
NETWORK_HEADER: Final = "handraise-network"
"""Under which the door keeps the keyed hash of the sender's network. What a sender puts there
himself is not kept."""
_MANY_LINKS: Final = 3
_LINK: Final = re.compile(r"https?://|\bwww\.", re.IGNORECASE)
_MARKUP: Final = re.compile(r"<a\s|\[url[=\]]|\[link=", re.IGNORECASE)
_NEVER_IN_DNS: Final = (".example", ".test", ".invalid", ".localhost")


def signs_of(
    form: LeadForm, draft: Draft, rules: Rules, received_at: datetime, *, no_mail: bool, burst: bool
) -> frozenset[Sign]:
    """The signs of one submission.

    :param no_mail: known by now: no mail reaches the domain of the address.
    :param burst: its network sent more than ``rules.burst`` within the last minute.
    """
    email = draft.who.email
    found = {
        Sign.HONEYPOT: _trapped(form, rules),
        Sign.LINK_SPAM: _advertises(form),
        Sign.DISPOSABLE_EMAIL: email is not None
        and email_class(email.domain) is EmailClass.DISPOSABLE,
        Sign.MISSING_MX: no_mail,
        Sign.BURST: burst,
        Sign.TOO_FAST: _too_fast(form, received_at),
        Sign.IMPOSSIBLE_PHONE: draft.values["phone"] is None
        and impossible_phone(form.phone, draft.values["country"]),
    }
    return frozenset(sign for sign, present in found.items() if present)


def mail_domain(draft: Draft) -> str | None:
    """The domain to ask the DNS about; None where the answer is known or there can be none."""
    email = draft.who.email
    if email is None or email.domain.endswith(_NEVER_IN_DNS):
        return None
    return email.domain if email_class(email.domain) is EmailClass.BUSINESS else None


def network_of(address: str | None, key: bytes) -> str | None:
    """A name for the network of an IP address (/24, for version 6 /64) that does not reveal it.

    None where the text is no address.
    """
    try:
        ip = ip_address((address or "").strip())
    except ValueError:
        return None
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return network_name(str(ip_network((ip, 24 if ip.version == 4 else 64), strict=False)), key)


def network_name(network: str, key: bytes) -> str:
    """The keyed hash of a network prefix: tells whether two are the same, and nothing else."""
    return hmac.digest(key, b"handraise.network.v1" + network.encode(), sha256).hex()[:16]


def _trapped(form: LeadForm, rules: Rules) -> bool:
    return any(
        name.lower() in rules.honeypot_fields and value.strip()
        for name, value in form.fields.items()
    )


def _advertises(form: LeadForm) -> bool:
    # Not in the company's name: people put their website there.
    names = (form.first_name, form.last_name, form.job_title)
    if any(_LINK.search(name or "") for name in names):
        return True
    message = form.message or ""
    return bool(_MARKUP.search(message)) or len(_LINK.findall(message)) >= _MANY_LINKS


def _too_fast(form: LeadForm, received_at: datetime) -> bool:
    if form.landed_at is None:
        return False
    took = (form.submitted_at or received_at) - form.landed_at
    # Below zero two clocks disagree, which says nothing about the person.
    return timedelta(0) <= took < TOO_FAST
