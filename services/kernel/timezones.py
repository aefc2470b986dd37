"""Names of time zones, checked against the IANA data that the package ``tzdata`` carries."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name; the same object each time.

    :raises ValueError: for a name that the data does not have.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write it as Europe/Lisbon") from None


def _known(name: str) -> str:
    zone_of(name)
    return name


TimeZoneName = Annotated[
    str, AfterValidator(_known), Field(examples=["Europe/Lisbon", "America/New_York"])
]
"""A checked IANA name."""
