"""How fast somebody must answer: by when, and in whose time."""

from __future__ import annotations

from services.kernel.answering.deadlines import Business, business_of, opening_of
from services.kernel.answering.file import AnsweringFile, unknown_names
from services.kernel.answering.rules import Hours, NoCommonHours, Rules, Steps, Team, Time

__all__ = [
    "AnsweringFile",
    "Business",
    "Hours",
    "NoCommonHours",
    "Rules",
    "Steps",
    "Team",
    "Time",
    "business_of",
    "opening_of",
    "unknown_names",
]
