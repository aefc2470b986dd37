"""``split`` and ``divert`` of a rule in ``routing.yaml``, as they are written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.kernel.faults import Fault, Path, validation_error
from services.routing.splitting import Arm, By, Split

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class Strict(BaseModel):
    """A part of the file; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Text = Annotated[str, Field(min_length=1, max_length=200)]


class DivertFile(Strict):
    """What is no lead: a call for help, an application, a sales pitch."""

    kind: Name
    """E.g. ``support``, ``applicant``, ``vendor``."""
    to: Text | None = None
    """An address or a note; None: as ``diversions`` says of the kind."""


class ArmFile(Strict):
    """One way that the rule's leads may go."""

    name: Name
    weight: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Relative to the other arms: of 90 and 10 the second gets a tenth of the leads."""
    pool: Name | None = None
    nurture: bool = False
    holdout: bool = False
    """True: the lead goes on to the next rules, as if this one were not there."""

    @model_validator(mode="after")
    def _one_end(self) -> ArmFile:
        if sum((self.pool is not None, self.nurture, self.holdout)) != 1:
            raise ValueError("an arm has either a pool, nurture: true or holdout: true")
        return self

    @property
    def end(self) -> tuple[str | None, bool]:
        """Where it goes; two arms with the same one are no comparison."""
        return self.pool, self.holdout


class SplitFile(Strict):
    """An experiment. What is compared first: the first arm is the one to compare with."""

    experiment: Name
    """A name of its own, also for a second run: with it every lead is drawn anew."""
    by: By = By.LEAD
    """``account``: colleagues have the same arm."""
    arms: Annotated[tuple[ArmFile, ...], Field(min_length=2, max_length=10)]

    @model_validator(mode="after")
    def _distinct(self) -> SplitFile:
        faults = list(self._faults())
        if faults:
            raise validation_error("split", faults)
        return self

    def _faults(self) -> Iterator[Fault]:
        names: set[str] = set()
        ends: dict[tuple[str | None, bool], str] = {}
        for at, arm in enumerate(self.arms):
            if arm.name in names:
                yield Fault(("arms", at, "name"), f"{arm.name} is there twice")
            if arm.end in ends:
                yield Fault(("arms", at), f"{arm.name} goes where {ends[arm.end]} goes")
            names.add(arm.name)
            ends.setdefault(arm.end, arm.name)

    @property
    def holds_out(self) -> bool:
        """Whether some leads go on to the next rules."""
        return any(arm.holdout for arm in self.arms)

    def split(self) -> Split:
        """What the decision uses."""
        arms = tuple(Arm(arm.name, arm.weight, arm.pool, arm.holdout) for arm in self.arms)
        return Split(self.experiment, arms, self.by)


def repeated_experiments(splits: Iterable[tuple[Path, SplitFile]]) -> Iterator[Fault]:
    """Two of one name would be counted together."""
    seen: set[str] = set()
    for place, split in splits:
        if split.experiment in seen:
            yield Fault((*place, "experiment"), f"{split.experiment} is there twice")
        seen.add(split.experiment)
