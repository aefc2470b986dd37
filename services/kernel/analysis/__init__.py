"""What can be said of rules without any lead: which never fire, which never get their turn."""

from __future__ import annotations

from services.kernel.analysis.domains import Goal
from services.kernel.analysis.rules import (
    EVERYTHING,
    Finding,
    Flaw,
    flaws,
    implies,
    same,
    shadowed,
)
from services.kernel.analysis.search import possible

__all__ = [
    "EVERYTHING",
    "Finding",
    "Flaw",
    "Goal",
    "flaws",
    "implies",
    "possible",
    "same",
    "shadowed",
]
