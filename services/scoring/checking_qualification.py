"""What is wrong with a well-formed definition: answers that cannot be, or always are. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.kernel.analysis import Flaw, flaws
from services.kernel.faults import Fault
from services.scoring.qualification import QualificationFile


def findings(file: QualificationFile) -> Iterator[Fault]:
    """Each with its path in ``qualification.yaml``."""
    for name, rule in file.criteria.items():
        for part, condition in (("met", rule.met), ("shown_by", rule.shown_by)):
            if condition is None:
                continue
            for found in flaws([condition.node]):
                where = ("criteria", name.value, part, *found.path)
                kind = "dead" if found.flaw is Flaw.DEAD else "dead part of"
                yield Fault(where, f"{kind} {part} of {name.value!r}: {found.why}")
