"""``browser`` of a source: pages that post to it themselves, and what their visitors are told."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

_ORIGIN = re.compile(r"(?:https://[a-z0-9.-]+|http://(?:localhost|127\.0\.0\.1))(?::[0-9]{1,5})?")


def _origin(text: str) -> str:
    if not _ORIGIN.fullmatch(text):
        raise ValueError("must be https://host, in lower case and without a path")
    return text


def _link(text: str) -> str:
    if not text.startswith("https://"):
        raise ValueError("must be https://…")
    return text


Origin = Annotated[str, AfterValidator(_origin)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class BrowserConfig(BaseModel):
    """For a source whose publishable key stands in web pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origins: Annotated[tuple[Origin, ...], Field(max_length=100)] = ()
    """Sites whose pages may post; as ``https://www.example.com``, each subdomain by itself."""
    booking_url: Annotated[str, AfterValidator(_link), StringConstraints(max_length=500)] | None = (
        None
    )
    """Where a time can be booked, for people whose ``external_ids`` have no ``booking_url``."""
    received: Sentence = "Thank you. We will be in touch."
    assigned: Sentence = "Thank you. {first_name} will be in touch shortly."
    """``{first_name}`` is the rep's."""
    after_hours: Sentence = "Thank you. We are out of the office and will be in touch when back."
