"""One picture of a person from many touches, whatever the order in which they arrive.

Each field is a register: of two values the one submitted later stays, then the one received
later, then the one with the higher id. That rule is commutative, associative and idempotent, so a
person looks the same after every order of arrival and every repeat (property-tested).

What describes the person is merged. What describes the touch (form, page, campaign, click ids)
stays the touch's own: a rule on ``form_id`` means the form of this submission.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

from schemas.base import Provenance
from schemas.lead import Consent, Lead, LeadCaptured

_PERSON = (
    "email",
    "first_name",
    "last_name",
    "company",
    "job_title",
    "phone",
    "country",
    "message",
    "external_id",
    "crm_url",
)
_OUTLIVED = timedelta(days=90)
_CUSTOM = "fields."
_CONSENT = "consent."


@dataclass(frozen=True, slots=True)
class Register:
    """A value and when it was said; the greater ``stamp`` wins."""

    stamp: str
    """``submitted_at received_at id``, in a form whose text order is the order of time."""
    value: Any
    """JSON."""


Key = tuple[str, str]
"""Field and source."""
Bought = Mapping[Key, Provenance]
"""What machines and tables said of a lead; of each source its latest value of each field."""

Registers = Mapping[str, Register]
"""Fields of a person: ``company``, ``fields.<name>``, ``consent.<purpose>.<channel>``."""


def registers(event: LeadCaptured, event_id: UUID) -> dict[str, Register]:
    """What one touch says about the person; a field left empty says nothing."""
    # A form tool whose clock runs ahead must not win for ever.
    submitted = min(event.submitted_at, event.received_at)
    stamp = f"{_sortable(submitted)} {_sortable(event.received_at)} {event_id}"
    return {name: Register(stamp, value) for name, value in _said(event.lead)}


def merge(known: Registers, said: Registers) -> dict[str, Register]:
    """Both, field by field the later."""
    merged = dict(known)
    for name, register in said.items():
        held = merged.get(name)
        if held is None or _order(register) > _order(held):
            merged[name] = register
    return merged


def person(merged: Registers, touch: Lead) -> Lead:
    """The lead as this touch shows it: the merged person, the touch's own circumstances."""
    plain = {name: merged[name].value for name in _PERSON if name in merged}
    custom = {
        name.removeprefix(_CUSTOM): register.value
        for name, register in sorted(merged.items())
        if name.startswith(_CUSTOM)
    }
    consent = tuple(
        Consent.model_validate(register.value)
        for name, register in sorted(merged.items())
        if name.startswith(_CONSENT)
    )
    return touch.model_copy(update={**plain, "fields": custom, "consent": consent})


def combine(derived: Mapping[str, Provenance], bought: Bought) -> dict[str, Provenance]:
    """All facts, each from the source that the order of conflicts prefers.

    A person's own entry, then the company's own table, then the more certain machine; equally
    certain: what was derived from the person's own words, then the later, then the source's name.
    What a machine learned 90 days before the newest purchase of its field does not count.
    """
    facts = dict(derived)
    for name, values in _by_field(bought).items():
        newest = max(value.at for value in values)
        current = [value for value in values if newest - value.at <= _OUTLIVED or _own(value)]
        held = facts.get(name)
        best = max([*current, held] if held is not None else current, key=_preference)
        facts[name] = best
    return facts


def newer(known: Bought, found: Iterable[tuple[str, Provenance]]) -> dict[Key, Provenance]:
    """What machines said with more added; of two values of one source the later fetched stays."""
    merged = dict(known)
    for name, value in found:
        key = (name, value.source)
        held = merged.get(key)
        if held is None or _age(value) > _age(held):
            merged[key] = value
    return merged


def dump_bought(bought: Bought) -> dict[str, Provenance]:
    """As an object, to store."""
    return {f"{field} {source}": value for (field, source), value in bought.items()}


def load_bought(stored: Mapping[str, Provenance]) -> dict[Key, Provenance]:
    """What :func:`dump_bought` gave, or what was stored before a field had several sources."""
    return {(name.partition(" ")[0], value.source): value for name, value in stored.items()}


def dump(merged: Registers) -> dict[str, list[Any]]:
    """As JSON, to store."""
    return {name: [register.stamp, register.value] for name, register in merged.items()}


def load(stored: Mapping[str, list[Any]]) -> dict[str, Register]:
    """What :func:`dump` gave."""
    return {name: Register(stamp, value) for name, (stamp, value) in stored.items()}


def _said(lead: Lead) -> Iterator[tuple[str, Any]]:
    for name in _PERSON:
        value = getattr(lead, name)
        if value:
            yield name, value
    for name, value in lead.fields.items():
        yield f"{_CUSTOM}{name}", value
    for consent in lead.consent:
        yield f"{_CONSENT}{consent.purpose}.{consent.channel}", to_jsonable_python(consent)


def _sortable(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def _order(register: Register) -> tuple[str, str]:
    # Two consents of one purpose within one touch share a stamp: their text then decides.
    return register.stamp, repr(register.value)


def _by_field(bought: Bought) -> dict[str, list[Provenance]]:
    fields: dict[str, list[Provenance]] = {}
    for (field, _), value in bought.items():
        fields.setdefault(field, []).append(value)
    return fields


def _own(value: Provenance) -> bool:
    return value.source.startswith("table:")


def _preference(value: Provenance) -> tuple[bool, bool, float, bool, datetime, str]:
    return (
        value.source == "form",
        _own(value),
        value.confidence,
        value.source.startswith("derived:"),
        value.at,
        value.source,
    )


def _age(value: Provenance) -> tuple[datetime, str]:
    return value.at, repr((value.value, value.confidence, value.cost))
