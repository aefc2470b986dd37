"""Any tool that can post a form somewhere: JSON, form-encoded or multipart, by a mapping.

Nothing is signed; the proof is a secret in the address. Paths are dotted (``data.contact.email``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.capture import formbody
from services.capture.adapters import url_token
from services.capture.adapters.base import (
    Acknowledgement,
    Delivered,
    Evidence,
    HookRequest,
    Item,
    SourceView,
    Unchallenged,
    Unparsable,
    Verdict,
    whole,
    with_headers,
)
from services.capture.adapters.presets import Preset
from services.capture.leadform import LeadForm, assemble, natural_target

_WRAPPERS = ("data.json.", "data.", "payload.", "fields.", "form_fields.", "form.", "lead.")
"""What tools put around the answers; a well-known name inside is as good as one outside."""


@dataclass(frozen=True, slots=True)
class Generic(Unchallenged):
    """One request, one person."""

    preset: Preset = field(default_factory=Preset)

    @property
    def name(self) -> str:
        return "generic"

    @property
    def kept_headers(self) -> frozenset[str]:
        return frozenset({"content-type"})

    @property
    def acknowledgement(self) -> Acknowledgement:
        return Acknowledgement()

    @property
    def evidence(self) -> Evidence:
        return self.preset.evidence

    def verify(self, request: HookRequest, secrets: Sequence[bytes], now: float) -> Verdict:
        return url_token.verify(request, secrets)

    def split(self, request: HookRequest) -> Sequence[Item]:
        if self.preset.delivery_id is None:
            return [whole(request.body)]
        try:
            values = formbody.values_of(request.body, request.headers.get("content-type", ""))
        except Unparsable:
            return [whole(request.body)]
        return [whole(request.body, values.get(self.preset.delivery_id))]

    def to_lead(self, item: Delivered, source: SourceView) -> LeadForm:
        given = formbody.values_of(item.body, item.headers.get("content-type", ""))
        mapping = {**self.preset.mapping, **source.mapping}
        values: dict[str, Any] = {}
        for path, value in given.items():
            target = _target(path, mapping)
            if value in (None, "") or (path not in mapping and self._drops(path)):
                continue
            # What somebody mapped by hand wins over what a name suggests.
            if target in values and path not in source.mapping:
                target = f"fields.{path}"
            values[target] = value
        if source.form_id:
            values["form_id"] = source.form_id
        return assemble(values)

    def sign(self, request: HookRequest, secret: bytes, at: float) -> HookRequest:
        typed = with_headers(request, content_type=formbody.content_type_of(request.body))
        return url_token.sign(typed, secret)

    def _drops(self, path: str) -> bool:
        if path == self.preset.delivery_id:
            return True
        return any(
            path.startswith(beginning) if beginning.endswith("_") else path == beginning
            for beginning in self.preset.dropped
        )


def _target(path: str, mapping: Mapping[str, str]) -> str:
    if path in mapping:
        return mapping[path]
    bare = next((path.removeprefix(w) for w in _WRAPPERS if path.startswith(w)), path)
    return natural_target(bare) or f"fields.{path}"
