"""Why a lead may be disqualified: the closed list of ``qualification.yaml``, as the door needs it.

The file is scoring's, which checks it whole; of it this is read and no more. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict

from services.kernel.faults import did_you_mean
from services.kernel.texts import as_said
from services.runtime.configfile import ConfigError
from services.runtime.configfile import parse as parse_file

FILE: Final = "qualification.yaml"


class _Reason(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    says: str


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    disqualify: tuple[_Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Reasons:
    """The reasons that there are; where none is defined any is taken."""

    ids: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    """Ids and words, as they are compared."""

    @classmethod
    def read(cls, files: Mapping[str, str]) -> Reasons:
        """None where the file is missing, or wrong: others say that it is."""
        try:
            file = parse_file(_File, files[FILE], FILE) if FILE in files else _File()
        except ConfigError:
            return cls()
        ids = tuple(one.id for one in file.disqualify)
        known = {as_said(text) for one in file.disqualify for text in (one.id, one.says)}
        return cls(ids, frozenset(known))

    def refusal(self, given: str | None) -> str | None:
        """What is wrong with a reason; None where it is one of the list, or none is given."""
        if not self.known or not given or as_said(given) in self.known:
            return None
        hint = did_you_mean(given, self.ids) or f": it is one of {', '.join(self.ids)}"
        return f"is no reason of {FILE}{hint}"
