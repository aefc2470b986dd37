"""``feed`` of a source that tells what happened: its words, its reps, where it says what."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from schemas.activity import ActivityName
from services.capture.eventform import ActivityForm
from services.kernel.durations import Duration

FIELDS = frozenset(ActivityForm.model_fields) - {"activity", "actor", "rep_id", "external_id"} | {
    "rep", "id", "first_name", "last_name", "job_title", "company", "referrer",
}  # fmt: skip
"""What ``paths`` may place: fields of an activity, the tool's ids of the rep and of the event, and
what a visit says of a person."""


def _fields(paths: dict[str, str]) -> dict[str, str]:
    for name in paths:
        if name not in FIELDS:
            raise ValueError(f"there is no field {name!r}; one of {', '.join(sorted(FIELDS))}")
    return paths


def _lowered(values: dict[str, str]) -> dict[str, str]:
    return {name.strip().lower(): value for name, value in values.items()}


class FeedConfig(BaseModel):
    """Beside what the adapter knows by itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activities: Annotated[
        dict[str, ActivityName], AfterValidator(_lowered), Field(max_length=100)
    ] = {}
    """What the tool calls it (an outcome, say) -> the activity."""
    reps: Annotated[dict[str, str], AfterValidator(_lowered), Field(max_length=2_000)] = {}
    """The tool's id or e-mail address of a rep -> our id, as in ``teams.yaml``."""
    paths: Annotated[dict[str, str], AfterValidator(_fields)] = {}
    """A field -> the dotted path at which the body says it."""
    stale_after: Duration = timedelta(days=4)
    """So long may it say nothing before somebody is told; the default lasts over a long weekend."""
