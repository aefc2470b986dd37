"""Tells of the reasons for which sales gives leads up, and of those that the definition lacks.

At the HTTP door such a reason is refused. What comes another way has happened already: it counts,
is kept as it was said, and is told of here, as the lead will not come back by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import structlog

from schemas.activity import ActivityName
from services.kernel.faults import did_you_mean
from services.runtime.metrics import Metrics
from services.scoring.happened import Happened
from services.scoring.qualification import QualificationFile
from services.scoring.store.around import Stored

UNLISTED: Final = "unlisted"
NONE: Final = "none"

log = structlog.get_logger(__name__)


class GivenUp:
    """Of one process."""

    def __init__(self, metrics: Metrics) -> None:
        self._counted = metrics.disqualifications

    def tell(self, stored: Iterable[Stored], file: QualificationFile) -> None:
        """Count what is new, and log what the definition lacks.

        The text itself is no part of the log: people write names into it.
        """
        for one in stored:
            if one.happened.activity is not ActivityName.DISQUALIFIED:
                continue
            label = reason_of(one.happened, file)
            self._counted.labels(label).inc()
            if label == UNLISTED and file.disqualify:
                log.warning(
                    "disqualified.unlisted_reason",
                    event_id=str(one.event_id),
                    lead_id=str(one.meant.lead_id) if one.meant.lead_id else None,
                    source=one.happened.source,
                    hint=_hint(one.happened, file),
                )


def reason_of(happened: Happened, file: QualificationFile) -> str:
    """The reason's id; :data:`UNLISTED` where there is no such one, :data:`NONE` without any."""
    found = file.reason(happened.reason)
    if found is not None:
        return found.id
    return UNLISTED if (happened.reason or "").strip() else NONE


def _hint(happened: Happened, file: QualificationFile) -> str:
    close = did_you_mean(happened.reason or "", [one.id for one in file.disqualify])
    return f"it comes back only by asking{close}"
