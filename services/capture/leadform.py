"""What a form says about a person, in the one shape that every source is brought into.

It is the body of ``POST /v1/leads`` and what each adapter's ``to_lead`` returns. Nothing is
normalised yet: that is :mod:`services.capture.normalize`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from schemas.base import Instant, KindName
from services.capture.wire import Unparsable, text_of

MAX_FIELDS = 100
MAX_FIELD_TEXT = 2_000


def _blank_is_none(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


def _text(limit: int) -> StringConstraints:
    return StringConstraints(max_length=limit, strip_whitespace=True)


# Forms send "" for what was left empty.
_Blank = BeforeValidator(_blank_is_none)
Name = Annotated[Annotated[str, _text(200)] | None, _Blank]
Line = Annotated[Annotated[str, _text(500)] | None, _Blank]
Link = Annotated[Annotated[str, _text(2_048)] | None, _Blank]
Message = Annotated[Annotated[str, _text(10_000)] | None, _Blank]
Email = Annotated[Annotated[str, _text(320)] | None, _Blank]
Phone = Annotated[Annotated[str, _text(64)] | None, _Blank]


def _texts(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {str(name): text_of(member) for name, member in value.items() if member is not None}


def _few(value: dict[str, str]) -> dict[str, str]:
    if len(value) > MAX_FIELDS:
        raise ValueError(f"at most {MAX_FIELDS} entries")
    for name, text in value.items():
        if len(name) > 100 or len(text) > MAX_FIELD_TEXT:
            raise ValueError(
                f"names hold at most 100 characters and values at most {MAX_FIELD_TEXT}"
            )
    return value


Texts = Annotated[dict[str, str], BeforeValidator(_texts), AfterValidator(_few)]


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class FormUtm(_Form):
    """Campaign parameters of the landing page."""

    source: Line = None
    medium: Line = None
    campaign: Line = None
    term: Line = None
    content: Line = None


class FormConsent(_Form):
    """One consent that the person gave or refused."""

    purpose: Annotated[str, StringConstraints(max_length=200)]
    channel: Annotated[str, StringConstraints(max_length=50)]
    basis: Annotated[str, StringConstraints(max_length=50)]
    text_version: Name = None
    at: Instant | None = None


# What is written as `= {}` pydantic copies for every form, member by member.
_NOTHING: Any = Field(default_factory=dict, json_schema_extra={"default": {}})


class LeadForm(_Form):
    """One person's submission. At least one of ``email``, ``phone`` and ``external_id``."""

    kind: KindName | None = None
    """What the person asked for; the source's own kind where it is not said."""
    email: Email = None
    first_name: Name = None
    last_name: Name = None
    company: Name = None
    job_title: Name = None
    phone: Phone = None
    country: Name = None
    """ISO 3166-1 alpha-2, or a common name in English."""
    message: Message = None
    form_id: Name = None
    page_url: Link = None
    referrer: Link = None
    utm: FormUtm = FormUtm()
    click_ids: Texts = _NOTHING
    """``gclid``, ``fbclid``, ``msclkid`` …"""
    consent: Annotated[tuple[FormConsent, ...], Field(max_length=20)] = ()
    external_id: Name = None
    """What the sender calls this person."""
    crm_url: Link = None
    visitor_id: Name = None
    """What the website's script calls the browser; earlier visits then count for the person."""
    test: bool = False
    """A trial of the form: recorded, ends as ``rejected``, burns no rep's turn."""
    submitted_at: Instant | None = None
    """When the person pressed the button; with an offset."""
    landed_at: Instant | None = None
    """When the person opened the form; with an offset."""
    fields: Texts = _NOTHING
    """Whatever else the form asked."""

    @model_validator(mode="after")
    def _someone(self) -> Self:
        if not (self.email or self.phone or self.external_id):
            raise ValueError("one of email, phone and external_id is needed")
        return self


CRM_URL = "crm_url"
TARGETS = frozenset(LeadForm.model_fields) - {"utm", "click_ids", "consent", "fields"}
UTM_NAMES = tuple(FormUtm.model_fields)
CLICK_IDS = frozenset(
    "gclid gbraid wbraid dclid msclkid fbclid li_fat_id ttclid twclid rdt_cid epik".split()  # noqa: SIM905
)
"""Parameters by which advertising networks name a click."""


def is_target(name: str) -> bool:
    """Whether a mapping may point here: a field, ``full_name``, or ``utm.``, ``click_ids.``,
    ``fields.`` with a name."""
    group, dot, member = name.partition(".")
    if not dot:
        return name in TARGETS or name == "full_name"
    match group:
        case "utm":
            return member in UTM_NAMES
        case "click_ids" | "fields":
            return bool(member)
        case _:
            return False


def natural_target(name: str) -> str | None:
    """Where a parameter of a well-known name belongs without any mapping.

    Not ``crm_url``: reps follow it as a link into their own CRM, and whoever fills in a form can
    add a parameter of any name.
    """
    lowered = name.lower()
    if (lowered in TARGETS and lowered != CRM_URL) or lowered == "full_name":
        return lowered
    if lowered.startswith("utm_") and lowered[4:] in UTM_NAMES:
        return f"utm.{lowered[4:]}"
    return f"click_ids.{lowered}" if lowered in CLICK_IDS else None


def as_it_is(values: Mapping[str, Any]) -> LeadForm | None:
    """The form that needs no mending, as every one that ``/v1/leads`` took; None for another."""
    if not values.keys() <= LeadForm.model_fields.keys():
        return None
    try:
        return LeadForm.model_validate(values)
    except ValidationError:
        return None


def assemble(values: Mapping[str, Any]) -> LeadForm:
    """A form from values by target, as lenient as a lost lead is dear.

    Numbers become text, texts are cut to their bounds, and what a field cannot hold goes to
    ``fields`` under its name. Only a submission without any identity is refused.

    :raises Unparsable: where no e-mail, phone or external id is left.
    """
    form: dict[str, Any] = {"utm": {}, "click_ids": {}, "fields": {}}
    for target, value in values.items():
        if value is None or value == "":
            continue
        group, dot, member = target.partition(".")
        if dot and group in ("utm", "click_ids", "fields"):
            form[group][member] = value
        elif target == "full_name":
            first, _, last = text_of(value).strip().partition(" ")
            form.setdefault("first_name", first)
            form.setdefault("last_name", last)
        elif target in ("utm", "click_ids", "fields") and isinstance(value, Mapping):
            form[target].update(value)
        elif target in _PLAIN:
            form[target] = value
        else:
            form["fields"][target] = value
    return _validated(form)


def _validated(form: dict[str, Any]) -> LeadForm:
    for name in ("utm", "click_ids", "fields"):
        form[name] = _entries(form[name], name)
    for name in _LENGTHS.keys() & form.keys():
        form[name] = text_of(form[name])[: _LENGTHS[name]]
    for _ in range(len(LeadForm.model_fields)):
        try:
            return LeadForm.model_validate(form)
        except ValidationError as error:
            faulty = {fault["loc"][0] for fault in error.errors() if fault["loc"]}
            if not faulty:
                raise Unparsable("no e-mail, phone or external id") from None
            for name in map(str, faulty):
                form["fields"][f"{name}_as_given"] = text_of(form.pop(name))[:MAX_FIELD_TEXT]
    raise Unparsable("no field of it can be read")


def _entries(value: Mapping[str, Any], name: str) -> dict[str, str]:
    limit = 500 if name == "utm" else MAX_FIELD_TEXT
    entries = {str(k)[:100]: text_of(v)[:limit] for k, v in value.items() if v is not None}
    if name == "utm":
        entries = {k: v for k, v in entries.items() if k in UTM_NAMES}
    # Room is left for what the other fields could not hold.
    return dict(list(entries.items())[: MAX_FIELDS - len(LeadForm.model_fields)])


_PLAIN = TARGETS | {"consent"}

# What a person is known by is never cut: half of an id may be another person's.
_LENGTHS = {
    "message": 10_000, "page_url": 2_048, "referrer": 2_048, "crm_url": 2_048, "first_name": 200,
    "last_name": 200, "company": 200, "job_title": 200, "country": 200, "form_id": 200,
}  # fmt: skip
