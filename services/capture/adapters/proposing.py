"""A first mapping for a form, guessed from one body that its tool has sent.

Labels are read here and nowhere else: a person looks at the proposal once, and what is kept of it
are the tool's stable references.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.capture import formbody
from services.capture.adapters.base import Unparsable
from services.capture.leadform import natural_target
from services.capture.wire import parse_object, text_of

READABLE: Final = ("generic", "jotform", "tally", "typeform", "webflow")
"""The adapters whose bodies name their questions."""

_BY_WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("phone", r"phone|telephone|tel|telefon|mobile|handy"),
    ("first_name", r"first ?name|given ?name|vorname|prenom|^first$"),
    ("last_name", r"last ?name|surname|family ?name|nachname|^last$"),
    ("fields.company_size", r"employees|headcount|(company|team) size|how many people|mitarbeiter"),
    ("company", r"company( name)?|organi[sz]ation|firm|firma|unternehmen|business"),
    ("job_title", r"job( title)?|title|role|position"),
    ("country", r"country|land"),
    ("message", r"message|comments?|notes|how can we help|nachricht"),
    ("page_url", r"page url|source url|landing page"),
    ("full_name", r"(full |your )?name"),
)
"""The first that fits; a longer name stands before the shorter one that it holds. An e-mail address
looks like one, whatever its question is called."""
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@.]{2,}")
_PHONE = re.compile(r"\+[0-9][0-9 ()./-]{6,20}[0-9]")


@dataclass(frozen=True, slots=True)
class Question:
    """One answer of a sample."""

    ref: str
    """What a mapping calls it."""
    label: str
    """What people read, or the reference where the body says no more."""
    value: str


def adapter_of(body: bytes) -> str:
    """The adapter whose tool would send such a body; ``generic`` where none stands out."""
    if not formbody.is_json(body):
        fields = formbody.form_texts(body)
        return "jotform" if {"rawRequest", "submissionID"} <= fields.keys() else "generic"
    match parse_object(body):
        case {"form_response": dict()}:
            return "typeform"
        case {"eventType": _, "data": {"fields": list()}}:
            return "tally"
        case {"triggerType": _, "payload": {"data": dict()}}:
            return "webflow"
        case _:
            return "generic"


def questions(adapter: str, body: bytes) -> list[Question]:
    """What a sample asks and is answered.

    :raises Unparsable: it is no body of that adapter.
    """
    if adapter == "generic":
        return [Question(path, path, text_of(v)) for path, v in formbody.values_of(body).items()]
    if adapter == "jotform":
        return list(_jotform(formbody.form_texts(body)))
    read = {"tally": _tally, "typeform": _typeform, "webflow": _webflow}[adapter]
    found = list(read(parse_object(body)))
    if not found:
        raise Unparsable(f"it holds no answers as {adapter} writes them")
    return found


def propose(asked: Sequence[Question]) -> dict[str, str]:
    """Reference -> place, each place at most once; what nothing is known of is left out."""
    found: dict[str, str] = {}
    # What a value is counts for more than what its question is called, and a name for more than a
    # label that holds it somewhere.
    for guess in (_by_name, _by_shape, _by_label):
        for question in asked:
            target = guess(question)
            free = target is not None and target not in found.values()
            if target and free and question.ref not in found and question.value:
                found[question.ref] = target
    return {one.ref: found[one.ref] for one in asked if one.ref in found}


def _by_name(question: Question) -> str | None:
    for name in (question.ref, question.label):
        target = natural_target(name) or natural_target(name.rpartition(".")[2])
        if target == "email" and not _EMAIL.fullmatch(question.value):
            continue
        if target is not None:
            return target
    return None


def _by_shape(question: Question) -> str | None:
    if _EMAIL.fullmatch(question.value):
        return "email"
    return "phone" if _PHONE.fullmatch(question.value) else None


def _by_label(question: Question) -> str | None:
    for text in (question.label, question.ref):
        spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
        words = re.sub(r"[^a-z]+", " ", spaced.lower()).strip()
        for target, pattern in _BY_WORDS:
            if re.search(rf"\b(?:{pattern})\b", words):
                return target
    return None


def _tally(event: Mapping[str, Any]) -> Iterator[Question]:
    for field in _objects(event.get("data"), "fields"):
        match field:
            case {"key": str(key), "label": label, "type": kind}:
                ref = str(label) if kind == "HIDDEN_FIELDS" else key
                yield Question(ref, str(label), text_of(field.get("value")))


def _typeform(event: Mapping[str, Any]) -> Iterator[Question]:
    response = event.get("form_response")
    definition = response.get("definition") if isinstance(response, dict) else None
    titles = {field.get("id"): field.get("title") for field in _objects(definition, "fields")}
    for answer in _objects(response, "answers"):
        match answer:
            case {"type": str(kind), "field": {"ref": str(ref)} as question}:
                title = titles.get(question.get("id"))
                yield Question(ref, str(title or ref), text_of(answer.get(kind)))
    hidden = response.get("hidden") if isinstance(response, dict) else None
    for name, value in hidden.items() if isinstance(hidden, dict) else ():
        yield Question(str(name), str(name), text_of(value))


def _webflow(event: Mapping[str, Any]) -> Iterator[Question]:
    payload = event.get("payload")
    data = payload.get("data") if isinstance(payload, dict) else None
    schema = _objects(payload, "schema")
    refs = {field.get("fieldName"): field.get("fieldElementId") for field in schema}
    for name, value in data.items() if isinstance(data, dict) else ():
        yield Question(str(refs.get(name) or name), str(name), text_of(value))


def _jotform(sent: Mapping[str, str]) -> Iterator[Question]:
    for key, value in parse_object(sent.get("rawRequest", "").encode()).items():
        number, _, slug = key.partition("_")
        if re.fullmatch(r"q[0-9]+", number) and slug:
            text = value.get("full") if isinstance(value, dict) else None
            yield Question(number, slug, text_of(text or value))


def _objects(parent: Any, name: str) -> Iterable[Mapping[str, Any]]:
    members = parent.get(name) if isinstance(parent, dict) else None
    listed = members if isinstance(members, list) else []
    return [member for member in listed if isinstance(member, dict)]
