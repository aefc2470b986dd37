"""What senders hear, in the units that they read."""

from __future__ import annotations

import pytest

from services.capture import answers
from services.capture.adapters import ADAPTERS
from services.capture.adapters.base import Acknowledgement


@pytest.mark.parametrize(
    ("source", "expected"), [("typeform", "30"), ("hubspot_workflow", "30000")]
)
def test_retry_after_is_in_the_units_of_the_sender(source: str, expected: str) -> None:
    how = ADAPTERS[source].acknowledgement
    assert answers.unavailable(how).headers == {"Retry-After": expected}


def test_a_sender_that_takes_four_hundreds_as_final_hears_when_to_come_again() -> None:
    problem = answers.refused(Acknowledgement(refused=429, retry_after_per_s=1_000))
    assert problem.status == 429
    assert problem.headers == {"Retry-After": "30000"}


def test_an_ordinary_refusal_names_no_time() -> None:
    assert not answers.refused(Acknowledgement()).headers
