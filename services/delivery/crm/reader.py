"""What reads a CRM: one page after the other, from where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.delivery.crm.model import Changed, Halted, Page, Stream
from services.delivery.model import Again, Disabled, Outcome, Refused


class Reader(Protocol):
    """One CRM. Passes ``tests/contract/delivery/test_delivery_crm_reading.py``."""

    async def page(self, stream: Stream, since: datetime | None, page: str | None) -> Page:
        """The next page of a stream.

        :param since: only what changed from then on; None for everything.
        :param page: where the page before said that it goes on.
        :raises Halted: the CRM gives no page now.
        :raises TimeoutError: no answer.
        :raises OSError: not reached.
        """
        ...

    async def confirmed(self, changes: Sequence[Changed]) -> Sequence[Changed]:
        """The same records as they are now, read past any index, with who gave them their owner as
        far as the CRM says; those that are gone are left out. Raises as :meth:`page`."""
        ...


def halt(outcome: Outcome) -> Halted:
    """Why the reading stops, from what a sink would have made of the answer."""
    match outcome:
        case Again(reason=reason, after_s=after):
            return Halted(reason, after)
        case Disabled(reason=reason) | Refused(reason=reason):
            return Halted(reason, for_good=True)
        case _:
            raise AssertionError(f"{type(outcome).__name__} is no failure")
