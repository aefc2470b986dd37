"""What an operator is given: one value, several, a range, a length of time."""

from __future__ import annotations

from dataclasses import dataclass

from services.kernel.conditions.nodes import (
    LENGTHS,
    PARTS,
    PRESENCE,
    SETS,
    TAGGED,
    Op,
    Value,
    Want,
)
from services.kernel.conditions.values import Unfit, length_of, value_of
from services.kernel.faults import Fault, Path
from services.kernel.fields import Field

MAX_MEMBERS = 10_000
"""Of one set; a look-up costs the same however large it is."""
MAX_PARTS = 50
"""Of one ``contains``, ``starts_with`` or ``ends_with``: each of them is searched for."""


@dataclass(frozen=True, slots=True)
class Wants:
    """Checks what operators are given; what is wrong is added to ``faults``."""

    faults: list[Fault]

    def __call__(self, about: Field, op: Op, want: object, path: Path) -> Want | None:
        if op in PRESENCE:
            return self._fault(path, f"{op} is true or false")
        if op in SETS:
            return self.several(about, want, path, MAX_MEMBERS)
        if op in LENGTHS:
            return self.length(want, path)
        if op is Op.BETWEEN:
            return self.range(about, want, path)
        if op in (PARTS | TAGGED) and isinstance(want, list):
            return self.several(about, want, path, MAX_PARTS)
        return self.single(about, want, path)

    def single(self, about: Field, raw: object, path: Path) -> Value | None:
        try:
            return value_of(about, raw)
        except Unfit as error:
            self._fault(path, str(error))
            return None

    def length(self, raw: object, path: Path) -> float | None:
        """Seconds."""
        try:
            return length_of(raw)
        except Unfit as error:
            self._fault(path, str(error))
            return None

    def several(self, about: Field, raw: object, path: Path, most: int) -> Want | None:
        if not isinstance(raw, list) or not raw:
            return self._fault(path, "a list of values is missing here")
        if len(raw) > most:
            return self._fault(path, f"{len(raw)} values; at most {most} may stand here")
        values = [self.single(about, one, (*path, at)) for at, one in enumerate(raw)]
        kept = tuple(value for value in values if value is not None)
        return kept if len(kept) == len(values) else None

    def range(self, about: Field, raw: object, path: Path) -> Want | None:
        found = self.several(about, raw, path, 2)
        if not isinstance(found, tuple):
            return None
        low, high = found[0], found[-1]
        if len(found) != 2 or low > high:  # type: ignore[operator]  # both are numbers
            return self._fault(path, "between takes [lowest, highest], both included")
        return found

    def _fault(self, path: Path, message: str) -> Want | None:
        """Note what is wrong; the None stands for the value that there is not."""
        self.faults.append(Fault(path, message))
        return None
