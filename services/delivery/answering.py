"""How soon somebody must answer, from ``response.yaml``, as a rep is told it. Pure.

The rules are the kernel's, the very ones that the response service runs its clocks by; nothing is
said of a time that cannot be told beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from pydantic import ConfigDict

from schemas.assignment import AssignmentChanged, AssignmentStatus
from services.kernel.answering import (
    AnsweringFile,
    Hours,
    Rules,
    Steps,
    business_of,
    opening_of,
    unknown_names,
)
from services.kernel.calendars import Calendars
from services.kernel.people import Teams
from services.runtime.configfile import ConfigError
from services.runtime.configfile import parse as parse_file

FILE: Final = "response.yaml"
TEAMS: Final = "teams.yaml"
CALENDARS: Final = "calendars.yaml"
BEGINS: Final = frozenset(
    {
        AssignmentStatus.ASSIGNED,
        AssignmentStatus.REASSIGNED,
        AssignmentStatus.RE_ENGAGED,
        AssignmentStatus.ESCALATED,
    }
)
"""With these a rep's clocks start."""
_TO_THE_SECOND: Final = timedelta(minutes=2)
"""Who has less time than this is told the second."""


class _File(AnsweringFile):
    """What is response's alone is not looked at here."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True)
class Deadline:
    """What can be told beforehand of the clock that starts."""

    given_at: datetime
    length: timedelta
    opens_at: datetime | None
    """For a lead of the night: when the clock starts, at the earliest."""
    until: datetime
    """When the time is up; for a lead of the night at the earliest, else at the latest."""
    sure: bool
    """No other clock of the rep can end before."""
    zone: tzinfo
    """Where the rep works."""

    def __str__(self) -> str:
        if self.opens_at is None:
            latest = "" if self.sure else " at the latest"
            return f"Answer by {self._moment(self.until)}{latest}."
        length = _said(self.length)
        if not self.sure:  # one that started before may run already
            return f"Answer within {length} of working time."
        start = self._moment(self.opens_at)
        return f"Your clock starts at {start} or later; then answer within {length}."

    def _moment(self, at: datetime) -> str:
        """``14:05 CET``, on the rep's own clock; with the day where it is another one."""
        there = at.astimezone(self.zone)
        clock = "%H:%M:%S" if self.length < _TO_THE_SECOND else "%H:%M"
        day = "" if there.date() == self.given_at.astimezone(self.zone).date() else "%a %d %b, "
        name = there.tzname() or "UTC"
        return f"{there:{day}{clock}} {name if name[0].isalpha() else f'UTC{name}'}"


@dataclass(frozen=True, slots=True)
class Answering:
    """What each tier and team allows."""

    rules: Rules | None = None
    scale: float = 1.0
    """So many times faster than the calendar the clocks run (``up --clock-scale``)."""

    @classmethod
    def read(cls, files: Mapping[str, str]) -> Answering:
        """Nothing is known where a file is missing, or wrong: others say that it is."""
        if FILE not in files:
            return cls()
        try:
            file = parse_file(_File, files[FILE], FILE)
            teams = parse_file(Teams, files.get(TEAMS, ""), TEAMS)
            calendars = parse_file(Calendars, files.get(CALENDARS, ""), CALENDARS)
        except ConfigError:
            return cls()
        if any(unknown_names(file, teams, calendars)):
            return cls()
        return cls(file.rules(teams, calendars))

    def begins(self, event: AssignmentChanged) -> bool:
        """Whether a rep's clocks may start with this change."""
        return self.rules is not None and event.rep is not None and event.status in BEGINS

    def deadline(
        self, event: AssignmentChanged, heard: Hours | None, told_at: datetime
    ) -> Deadline | None:
        """By when the rep of this change must answer; None where no clock starts.

        :param heard: the rep's hours as people.v1 tells them; None: as configured.
        :param told_at: when we heard of it. Under ``scale`` routing's own clock is ahead.
        """
        if not self.begins(event):
            return None
        assert self.rules is not None
        assert event.rep is not None
        steps = self.rules.steps_of(event.pool, event.tier)
        if steps.breach is None:
            return None
        given_at = min(event.decided_at, told_at)
        business = business_of(self.rules, event.pool, event.rep.id, heard, given_at, self.scale)
        due = business.due(given_at, steps.breach)
        if due <= given_at:
            return None  # nobody's hours meet, and then it is due at once: another gets it
        person = self.rules.person_schedule(event.rep.id, heard)
        return Deadline(
            given_at=given_at,
            length=steps.breach / self.scale,
            opens_at=opening_of(self.rules, event.pool, event.tier, business, given_at),
            until=due,
            sure=_is_next(event, steps, due, self.scale),
            zone=person.zone if person is not None else UTC,
        )


def _is_next(event: AssignmentChanged, steps: Steps, due: datetime, scale: float) -> bool:
    """Whether no other clock of the rep can end before this one.

    Who has not accepted loses the lead sooner. Somebody who asks again may wait since longer. The
    escalation counts over all reps, from a first one whom we need not know; it comes no sooner than
    its length after the receipt.
    """
    if event.status is AssignmentStatus.RE_ENGAGED or steps.acceptance is not None:
        return False
    if event.status is AssignmentStatus.ESCALATED or steps.escalation is None or event.attempt == 1:
        return True
    return due <= event.received_at + steps.escalation / scale


def _said(length: timedelta) -> str:
    seconds = max(1, round(length.total_seconds()))
    sizes: tuple[tuple[int, str], ...] = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
    for size, name in (*sizes, (1, "second")):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    raise AssertionError(f"{seconds} is divisible by 1")
