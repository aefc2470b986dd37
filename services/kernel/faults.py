"""How semantic checks of configuration report what is wrong and where.

Several faults of one value reach pydantic as errors of their own, each with its path, so that a
loader can print file and line for every one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """One thing that is wrong."""

    path: Path
    """From the value that was checked down to the part that is wrong."""
    message: str

    def __str__(self) -> str:
        where = ".".join(str(step) for step in self.path)
        return f"{where}: {self.message}" if where else self.message


def validation_error(title: str, faults: Iterable[Fault]) -> ValidationError:
    """The faults as pydantic's own error: raised in a validator, each keeps its path."""
    return ValidationError.from_exception_data(
        title,
        [
            InitErrorDetails(
                type=PydanticCustomError("handraise", "{message}", {"message": fault.message}),
                loc=fault.path,
                input=None,
            )
            for fault in faults
        ],
    )


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``; did you mean X?`` where a known word is close to ``word``, else nothing."""
    folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"; did you mean {folded[close[0]]}?" if close else ""
