"""Where a reading by time of change stands, and how it goes on. Pure.

HubSpot's search shows at most 10,000 results of a query, whatever the page: the reading then begins
a new query at the last change that it saw. Where more than a window bears one and the same time (an
import), it goes on by id among those, and then behind them. (developers.hubspot.com, "Search the
CRM": limits.)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from pydantic_core import from_json, to_json

WINDOW: Final = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """The next query: changes since ``since``, from result ``after`` on; or those at ``since``
    alone with an id above ``above``."""

    since: int
    """Milliseconds."""
    after: int = 0
    above: int | None = None

    def text(self) -> str:
        return to_json(asdict(self)).decode()

    @classmethod
    def read(cls, text: str) -> Place:
        values: dict[str, Any] = from_json(text)
        return cls(**values)


def following(at: Place, seen: list[tuple[int, int]], more: bool, most: int) -> Place | None:
    """The next place; None at the end.

    :param seen: (time of change in ms, id) of what the page held, in its order.
    :param more: whether the CRM has another page of this query.
    :param most: results of a page.
    """
    if not seen:
        return None if at.above is None else Place(at.since + 1)
    last_time, last_id = seen[-1]
    if at.above is not None:
        return replace(at, above=last_id) if more else Place(at.since + 1)
    if not more:
        return None
    after = at.after + len(seen)
    if after + most <= WINDOW:
        return replace(at, after=after)
    # The window is at its end. One that was filled by a single moment would begin the same again.
    return Place(last_time) if last_time > at.since else Place(last_time, above=0)
