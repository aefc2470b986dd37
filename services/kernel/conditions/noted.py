"""Facts that remember how conditions about personal fields came out.

What identifies a person is not stored with a decision. A condition that asks for it could not be
repeated later; its outcome can be stored, as it tells nobody who the person is.
"""

from __future__ import annotations

from collections.abc import Mapping


class NotedFacts(dict[str, object]):
    """Facts whose personal conditions are noted, or answered as they were noted before."""

    __slots__ = ("unanswered", "verdicts")

    def __init__(
        self, facts: Mapping[str, object], verdicts: Mapping[str, bool | None] | None = None
    ) -> None:
        """:param verdicts: of an earlier time, by the condition's key; they are not asked anew."""
        super().__init__(facts)
        self.verdicts: dict[str, bool | None] = dict(verdicts or {})
        self.unanswered: set[str] = set()
        """Personal conditions that were asked here for the first time."""
