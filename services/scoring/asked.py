"""What may be asked of scoring over HTTP, of what was recorded. Pure."""

from __future__ import annotations

from services.kernel.asked import Moves, OfConfiguration


class Rescoring(OfConfiguration):
    """Score recorded leads with this configuration; ``handraise simulate --scoring``.

    Without ``since`` and ``until``: every lead that has a score.
    """

    moves: Moves = 100
