"""``qualification.yaml``: what marketing and sales agreed makes a lead worth a salesperson's time.

Five things to know, the answers that make a sales-qualified lead, the reasons for which one is
given up, and when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.activity import ActivityName
from schemas.base import KindName
from schemas.qualification import CriterionName
from schemas.signal import SignalName
from services.kernel.conditions import Condition
from services.kernel.durations import Duration
from services.kernel.facts import FIELDS, QUALIFYING_FIELDS
from services.kernel.faults import Fault, did_you_mean, validation_error
from services.kernel.fields import FieldSet
from services.kernel.texts import as_said
from services.runtime.configfile import parse as parse_file

FILE = "qualification.yaml"

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
_NO_SCORE = ("sql",)


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class QualifyingCondition(Condition):
    """A condition about a scored lead, what happened around it, and the ``answer`` that was
    found."""

    FIELDS: ClassVar[FieldSet] = QUALIFYING_FIELDS.without(_NO_SCORE)

    __slots__ = ()


class CriterionRule(_Strict):
    """One of the five: how it is asked for, who answers it, which answers are good."""

    ask: Annotated[str, Field(min_length=1, max_length=120)]
    """What a rep asks while it is open."""
    known_by: tuple[str, ...] = ()
    """Fields that answer it (``lead.message``, ``lead.fields.budget``, ``company.headcount``), the
    best first. What a rep reports (``answers`` of an activity) comes before all of them."""
    met: QualifyingCondition | None = None
    """Which answers speak for the deal; ``answer`` is the one that was found. Absent: any does."""
    shown_by: QualifyingCondition | None = None
    """What shows without an answer that it is met, for example an activity."""

    @model_validator(mode="after")
    def _fields(self) -> Self:
        faults = [
            Fault(("known_by", at), f"there is no field {name!r}{did_you_mean(name, _near(name))}")
            for at, name in enumerate(self.known_by)
            if name not in FIELDS
        ]
        if faults:
            raise validation_error(type(self).__name__, faults)
        return self


def _near(name: str) -> list[str]:
    """Fields, and the form's own questions by the name that may be meant."""
    own = name.rpartition(".")[2]
    return [*FIELDS.names, *(f"{family.name}{own}" for family in FIELDS.families)]


class Sql(_Strict):
    """Which set of answers makes a sales-qualified lead. All that is said must hold."""

    mql: bool = False
    """It must be marketing-qualified too (``mql`` of scoring.yaml)."""
    met: tuple[CriterionName, ...] = ()
    """These must be met."""
    answered: tuple[CriterionName, ...] = ()
    """These must have an answer, whatever it is."""
    at_least: Annotated[int, Field(ge=0, le=5)] = 0
    """So many of all must be met."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.met or self.answered or self.at_least):
            raise ValueError("met, answered or at_least must say what makes one")
        return self


class Recycle(_Strict):
    """What brings a disqualified lead back: its date, or what happens before that."""

    after: Duration | None = None
    """So long after it was disqualified it comes back as a prospect."""
    kinds: frozenset[KindName] = frozenset()
    """Submissions that bring it back at once; those of a hot kind always do."""
    activities: frozenset[ActivityName] = frozenset()
    signals: frozenset[SignalName] = frozenset()


class DisqualifyReason(_Strict):
    """One reason of the closed list."""

    id: Name
    says: Annotated[str, Field(min_length=1, max_length=120)]
    """In words, for the rep who chooses."""
    recycle: Recycle = Recycle()


class QualificationFile(_Strict):
    """The whole file."""

    version: Literal[1] = 1
    criteria: dict[CriterionName, CriterionRule] = {}
    """In the order in which a rep asks."""
    sql: Sql | None = None
    disqualify: tuple[DisqualifyReason, ...] = ()
    """The closed list of reasons. Any other is kept as it was given, and never comes back by
    itself."""

    @model_validator(mode="after")
    def _references(self) -> Self:
        faults = [*_criteria(self), *_reasons(self.disqualify)]
        if faults:
            raise validation_error(type(self).__name__, faults)
        return self

    def reason(self, given: str | None) -> DisqualifyReason | None:
        """The reason of the list that is meant: by its id or its words."""
        said = as_said(given or "")
        return next(
            (one for one in self.disqualify if said in (as_said(one.id), as_said(one.says))), None
        )


def parse(files: Mapping[str, str]) -> QualificationFile:
    """The file; nothing is defined where there is none.

    :raises services.runtime.configfile.ConfigError: with every fault and its line.
    """
    if FILE not in files:
        return QualificationFile()
    return parse_file(QualificationFile, files[FILE], FILE)


def _criteria(file: QualificationFile) -> Iterator[Fault]:
    """What makes an SQL is among what is asked."""
    if file.sql is None:
        return
    for part, names in (("met", file.sql.met), ("answered", file.sql.answered)):
        for at, name in enumerate(names):
            if name not in file.criteria:
                text = f"{name.value!r} is not among the criteria of this file"
                yield Fault(("sql", part, at), text)
    if file.sql.at_least > len(file.criteria):
        text = f"there are {len(file.criteria)} criteria: no lead can meet {file.sql.at_least}"
        yield Fault(("sql", "at_least"), text)


def _reasons(reasons: tuple[DisqualifyReason, ...]) -> Iterator[Fault]:
    for at, reason in enumerate(reasons):
        if any(one.id == reason.id for one in reasons[:at]):
            yield Fault(("disqualify", at, "id"), f"there are two reasons {reason.id!r}")
