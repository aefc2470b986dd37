"""From what the form said to what the pipeline can compare: one spelling for each thing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from schemas.base import ChannelName, KindName, Motion
from schemas.lead import Consent, Utm
from services.capture.channels import ChannelTable, Evidence, channel_of, folded, foreign_host
from services.capture.leadform import CLICK_IDS, MAX_FIELDS, UTM_NAMES, LeadForm
from services.capture.wire import Unparsable
from services.kernel.identity import (
    NormalisedEmail,
    is_role_address,
    normalise_email,
    normalise_phone,
    personal_phone,
)
from services.kernel.places import country_code

CLOCK_AHEAD = timedelta(minutes=5)
"""How far a form tool's clock may be ahead of ours before its time is not believed."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_CONTROL_BUT_LINES = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]+")


@dataclass(frozen=True, slots=True)
class Who:
    """What a person can be recognised by."""

    email: NormalisedEmail | None
    phone: str | None
    """E.164, only where the number may stand for one person."""
    external_id: str | None

    @property
    def is_role(self) -> bool:
        """The address names a function: several people read it."""
        return self.email is not None and is_role_address(self.email.local)


@dataclass(frozen=True, slots=True)
class Draft:
    """A lead that has no id yet."""

    who: Who
    kind: KindName
    motion: Motion
    channel: ChannelName
    submitted_at: datetime
    form_id: str | None
    values: Mapping[str, Any]
    """The fields of :class:`schemas.lead.Lead`, but for ``lead_id`` and ``account_key``."""
    marks: tuple[tuple[str, str], ...] = ()
    """What screening found and what followed from it; for counting."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of a submission besides its form."""

    source: str
    kind: KindName
    motion: Motion
    received_at: datetime
    own_domains: frozenset[str]
    channels: ChannelTable


def normalise(form: LeadForm, origin: Origin) -> Draft:
    """The form's values in one spelling, and what follows from them.

    :raises Unparsable: nothing is left that the person could be recognised or reached by.
    """
    country = country_code(form.country)
    email = normalise_email(form.email)
    personal = personal_phone(form.phone, country)
    phone = personal or normalise_phone(form.phone, country)
    external_id = line(form.external_id)
    if email is None and phone is None and external_id is None:
        raise Unparsable("neither email nor phone is valid, and there is no external_id")
    kind = form.kind or origin.kind
    motion = Motion.OUTBOUND if kind is KindName.PROSPECT else origin.motion
    utm, click_ids = campaign(form)
    given = {"email": (form.email, email), "phone": (form.phone, phone),
             "country": (form.country, country)}  # fmt: skip
    return Draft(
        who=Who(email, personal, external_id),
        kind=kind,
        motion=motion,
        channel=channel_of(_evidence(form, origin, kind, motion, utm, click_ids), origin.channels),
        submitted_at=believable(form.submitted_at, origin.received_at),
        form_id=line(form.form_id),
        values={
            **_texts(form),
            "email": email.address if email else None,
            "phone": phone,
            "country": country,
            "external_id": external_id,
            "utm": utm,
            "click_ids": click_ids,
            "consent": tuple(Consent(**dict(one)) for one in form.consent),
            "fields": _fields(form.fields, given),
        },
    )


def _evidence(
    form: LeadForm,
    origin: Origin,
    kind: KindName,
    motion: Motion,
    utm: Utm,
    click_ids: Mapping[str, str],
) -> Evidence:
    return Evidence(
        source=origin.source,
        kind=kind,
        motion=motion,
        utm_source=folded(utm.source),
        utm_medium=folded(utm.medium),
        utm_campaign=folded(utm.campaign),
        click_ids=frozenset(click_ids),
        referrer=foreign_host(form.referrer, form.page_url, tuple(origin.own_domains)),
        page_known=form.page_url is not None,
    )


def believable(submitted_at: datetime | None, received_at: datetime) -> datetime:
    """When the person pressed the button; our own receipt where the sender's clock is ahead."""
    if submitted_at is None or submitted_at > received_at + CLOCK_AHEAD:
        return received_at
    return submitted_at


def line(text: str | None) -> str | None:
    """One line: NFC, no control or direction characters, single spaces; None when empty."""
    if text is None:
        return None
    if text.isascii() and text.isprintable():
        return " ".join(text.split()) or None
    clean = _CONTROL.sub(" ", unicodedata.normalize("NFC", text))
    return " ".join(clean.split()) or None


def paragraph(text: str | None) -> str | None:
    """As :func:`line`, with the lines kept."""
    if text is None:
        return None
    clean = _CONTROL_BUT_LINES.sub(" ", unicodedata.normalize("NFC", text))
    return clean.strip() or None


def campaign(form: LeadForm) -> tuple[Utm, dict[str, str]]:
    """UTM and click ids: what the form gives, completed from the address of its page."""
    query = _query(form.page_url)
    utm = {name: line(getattr(form.utm, name)) or query.get(f"utm_{name}") for name in UTM_NAMES}
    click_ids = {name: query[name] for name in CLICK_IDS if name in query}
    given = {k.lower(): line(v) or "" for k, v in form.click_ids.items() if v.strip()}
    return Utm(**utm), {**click_ids, **given}


def _query(page_url: str | None) -> dict[str, str]:
    if page_url is None or "?" not in page_url:
        return {}
    try:
        pairs = parse_qsl(urlsplit(page_url).query, max_num_fields=100)
    except ValueError:
        return {}
    return {name.lower(): text for name, value in pairs if (text := line(value[:500]))}


_LINES = ("first_name", "last_name", "company", "job_title", "form_id", "page_url", "referrer",
          "crm_url", "visitor_id")  # fmt: skip


def _texts(form: LeadForm) -> dict[str, str | None]:
    texts = {name: line(getattr(form, name)) for name in _LINES}
    return {**texts, "message": paragraph(form.message)}


def _fields(
    fields: Mapping[str, str], given: Mapping[str, tuple[str | None, object]]
) -> dict[str, str]:
    # What could not be understood stays readable for the rep.
    kept = {f"{name}_as_given": raw for name, (raw, clean) in given.items() if raw and not clean}
    everything = {**fields, **kept}
    clean = ((line(name), paragraph(text)) for name, text in everything.items())
    found = [(name, text) for name, text in clean if name and text]
    return dict(found[-MAX_FIELDS:])
