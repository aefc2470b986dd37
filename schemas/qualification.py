"""What marketing and sales agreed to know of a lead, and what is known of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from schemas.base import Instant, Model

Said = Annotated[str, StringConstraints(max_length=500)]


class CriterionName(StrEnum):
    """The five things to know before somebody is worth an account executive's time."""

    FIT = "fit"
    PROBLEM = "problem"
    BUDGET = "budget"
    AUTHORITY = "authority"
    TIMELINE = "timeline"


class CriterionState(StrEnum):
    """What an answer says."""

    MET = "met"
    UNMET = "unmet"
    OPEN = "open"
    """Nobody knows yet, or what is known does not decide it."""


class Answer(Model):
    """What a rep learned in a conversation."""

    said: Said = ""
    """In a few words."""
    met: bool | None = None
    """The rep's own verdict, which beats the rule of ``qualification.yaml``; null leaves it to
    that."""


class Answers(Model):
    """A rep's answers, by criterion; those that were not talked about are absent."""

    fit: Answer | None = None
    problem: Answer | None = None
    budget: Answer | None = None
    authority: Answer | None = None
    timeline: Answer | None = None


class Criterion(Model):
    """One of the five, as it stands."""

    criterion: CriterionName
    state: CriterionState
    ask: str
    """The question that settles it."""
    answer: str | None = None
    source: str | None = None
    """A field of the lead, ``rep`` (an activity told of it), or ``rule``."""


class Disqualified(Model):
    """Sales said no, and the lead has not come back since."""

    reason: str
    """Of ``qualification.yaml``; where that has no such one, as it was given."""
    listed: bool = True
    """Whether ``qualification.yaml`` has it; where not, only by asking does the lead come back."""
    at: Instant
    returns_at: Instant | None = None
    """When it comes back by itself; null: never."""


class Qualification(Model):
    """How far a lead is qualified, by the shared definition."""

    criteria: tuple[Criterion, ...]
    """In the order of the file."""
    sql: bool
    """A sales-qualified lead."""
    missing: tuple[str, ...] = ()
    """What it lacks for that: criteria, or ``mql``."""
    disqualified: Disqualified | None = None


class OpenQuestion(Model):
    """What a rep is to ask."""

    about: CriterionName
    ask: str
