"""Where an address is, from a MaxMind database file. See docs/providers/maxmind.md."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import maxminddb

from services.enrichment.providers.catalog import MAXMIND
from services.enrichment.providers.contract import Answer, Outcome, Question
from services.enrichment.providers.reading import read
from services.enrichment.providers.settings import MaxMindFile
from services.enrichment.providers.shapes import mapping


class MaxMind:
    """Reads the file that the configuration names; a file that was replaced is opened again."""

    def __init__(self, name: str, config: MaxMindFile, now: Callable[[], datetime]) -> None:
        self.name = name
        self.config = config
        self._now = now
        self._reader: maxminddb.Reader | None = None
        self._stamp: tuple[int, int] | None = None

    async def ask(self, question: Question, *, urgency: int = 1) -> Answer:
        """One answer; see :class:`~services.enrichment.providers.contract.Provider`."""
        try:
            found = await asyncio.to_thread(self._look_up, question.about["ip"])
        except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
            return Answer(Outcome.ERROR, detail=f"the file cannot be read: {type(error).__name__}")
        if found is None:
            return Answer(Outcome.NO_MATCH)
        endpoint = MAXMIND["city"]
        return read(found, endpoint, question, confidence=self.config.confidence, at=self._now())

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _look_up(self, ip: str) -> dict[str, Any] | None:
        found = self._opened().get(ip)
        if not isinstance(found, dict):
            return None
        # IPinfo's files are flat where MaxMind's are nested.
        code = mapping(found.get("country")).get("iso_code") or found.get("country_code")
        zone = mapping(found.get("location")).get("time_zone")
        return {"country": code, "time_zone": zone}

    def _opened(self) -> maxminddb.Reader:
        status = Path(self.config.file).stat()
        stamp = (status.st_mtime_ns, status.st_size)
        if self._reader is None or stamp != self._stamp:
            fresh = maxminddb.open_database(self.config.file, maxminddb.MODE_MEMORY)
            self._reader, self._stamp = fresh, stamp
        return self._reader
