"""Experiments: a rule that splits its leads over arms, by a stable hash. Pure.

The same lead (or account) has the same arm of an experiment for ever, in whatever process, as long
as its arms and weights stay: nothing is drawn and nothing needs to be remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2s
from typing import Any
from uuid import UUID

from services.kernel.conditions import Facts

FORCED = "split."
"""Before the name of an experiment: the fact that says the arm, which tests of a configuration
give; see :mod:`services.routing.review.testing`."""
_BITS = 64


class By(StrEnum):
    """What keeps its arm."""

    LEAD = "lead"
    ACCOUNT = "account"
    """Colleagues are in the same arm."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way that a split rule's leads may go."""

    name: str
    weight: int
    """Relative to the other arms."""
    pool: str | None = None
    """None, and no holdout: nurture."""
    holdout: bool = False
    """The lead goes on as if the rule were not there."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The arm that a lead has, and by what."""

    rule: str
    experiment: str
    arm: str
    by: By
    weight: int
    of: int
    """All weights together."""
    unit: str | None = None
    """Of an account, so that the decision can be repeated without its name."""

    def described(self) -> dict[str, Any]:
        """As a decision record holds it."""
        found = {
            "rule": self.rule,
            "experiment": self.experiment,
            "arm": self.arm,
            "by": self.by.value,
            "weight": self.weight,
            "of": self.of,
        }
        return found if self.unit is None else {**found, "unit": self.unit}


@dataclass(frozen=True, slots=True)
class Split:
    """An experiment of one rule."""

    experiment: str
    arms: tuple[Arm, ...]
    by: By = By.LEAD

    def arm_of(self, facts: Facts) -> Arm:
        """The arm of a lead; the first one where nobody knows who it is."""
        forced = facts.get(FORCED + self.experiment)
        if forced is not None:
            return next((arm for arm in self.arms if arm.name == forced), self.arms[0])
        unit = facts.get(_UNIT[self.by])
        return self._drawn(str(unit)) if unit is not None else self.arms[0]

    def drawn(self, rule: str, facts: Facts) -> Drawn:
        """The same, to be recorded."""
        arm = self.arm_of(facts)
        unit = facts.get(_UNIT[By.ACCOUNT]) if self.by is By.ACCOUNT else None
        total = sum(one.weight for one in self.arms)
        return Drawn(
            rule, self.experiment, arm.name, self.by, arm.weight, total, str(unit) if unit else None
        )

    def _drawn(self, unit: str) -> Arm:
        digest = blake2s(f"{self.experiment}\0{unit}".encode(), digest_size=_BITS // 8).digest()
        # A point among the weights: exact, so that no arm is lost to rounding.
        point = int.from_bytes(digest) * sum(arm.weight for arm in self.arms) >> _BITS
        for arm in self.arms:
            point -= arm.weight
            if point < 0:
                return arm
        raise AssertionError("the point lies beyond all weights")


_UNIT = {By.LEAD: "unit.lead", By.ACCOUNT: "unit.account"}


def units(lead_id: UUID, account_key: str) -> dict[str, object]:
    """The facts by which a lead has its arms; no rule can ask for them."""
    hashed = blake2s(account_key.encode(), digest_size=8).hexdigest()
    return {_UNIT[By.LEAD]: str(lead_id), _UNIT[By.ACCOUNT]: hashed}


def units_again(
    lead_id: UUID, drawn: Sequence[Mapping[str, Any]], *, erased: bool = False
) -> dict[str, object]:
    """The same of a stored decision, as far as its record needed them.

    :param erased: nobody knows the lead's id any more: its arms are those that it had.
    """
    found: dict[str, object] = {_UNIT[By.LEAD]: str(lead_id)}
    if erased:
        found |= {FORCED + one["experiment"]: one["arm"] for one in drawn}
    hashed = next((one["unit"] for one in drawn if "unit" in one), None)
    return found if hashed is None else {**found, _UNIT[By.ACCOUNT]: hashed}
