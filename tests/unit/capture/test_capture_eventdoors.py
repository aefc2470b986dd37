"""The event doors leave room for whoever fills in a form."""

from __future__ import annotations

import pytest

from services.capture.eventdoors import Busy
from services.runtime.http import Problem


def test_one_more_than_there_is_room_for_hears_when_to_come_again() -> None:
    busy = Busy(2)
    with busy, busy:
        with pytest.raises(Problem) as refused, busy:
            raise AssertionError("let in")
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "1")
    with busy, pytest.raises(ZeroDivisionError), busy:
        raise ZeroDivisionError
    with busy, busy:
        pass
