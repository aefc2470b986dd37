"""Calls of HubSpot's API, and what its refusals mean."""

from __future__ import annotations

from pydantic_core import to_json

from services.delivery.model import Again, Disabled, Outcome, Refused
from services.runtime.outside import Answer, Outside


class HubSpotApi:
    """One portal, as a private app."""

    def __init__(self, base_url: str, token: str, outside: Outside) -> None:
        self._base = base_url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._outside = outside

    async def get(self, path: str) -> Answer:
        return await self._outside.request("GET", f"{self._base}{path}", headers=self._headers)

    async def post(self, path: str, body: object) -> Answer:
        return await self._sent("POST", path, body)

    async def put(self, path: str, body: object) -> Answer:
        return await self._sent("PUT", path, body)

    async def _sent(self, method: str, path: str, body: object) -> Answer:
        return await self._outside.request(
            method, f"{self._base}{path}", headers=self._headers, body=to_json(body)
        )


def failed(answer: Answer) -> Outcome:
    """What follows from an answer that is no success."""
    if answer.status == 401:
        return Disabled("token_refused")
    if answer.status in (423, 429, 477) or answer.status >= 500:
        return Again(f"status_{answer.status}", answer.retry_after_s)
    return Refused(f"status_{answer.status}")
