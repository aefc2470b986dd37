"""Salesloft: the person, and their membership of a cadence.

Formats: developer.salesloft.com, Platform API v2: person upsert by e-mail address, cadence
memberships (create by query parameters, list, delete). 600 calls a minute for a team; 429 beyond.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from pydantic_core import to_json

from services.delivery.model import Delivered, Outcome
from services.delivery.planconfig import SalesloftSink
from services.delivery.sinks.base import Message
from services.delivery.sinks.plans import Plans, all_of, id_of, known, one_of, taken
from services.runtime.outside import Answer, Outside

_MEMBERSHIPS: Final = "/cadence_memberships"


class Salesloft(Plans):
    """One team."""

    def __init__(self, config: SalesloftSink, token: str, outside: Outside) -> None:
        super().__init__(config)
        self._base = f"{config.base_url.rstrip('/')}/v2"
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self._outside = outside

    async def _exists(self, sequence: int) -> bool:
        answer = taken(await self._ask("GET", f"/cadences/{sequence}"), 200, 404)
        return answer.status == 200

    async def _begin(self, message: Message, sequence: int, *, first: bool) -> Outcome:
        owner = self._owner_of(message.delivery.event)
        person = await self._upserted(message, owner)
        here = await self._memberships(person, sequence)
        if any(one.get("currently_on_cadence") for one in here) or (here and not first):
            return Delivered(ref=person, place=id_of(here[0]), reason="already")
        query = {"person_id": person, "cadence_id": sequence, "user_id": owner}
        answer = await self._ask("POST", f"{_MEMBERSHIPS}?{urlencode(query)}")
        return Delivered(ref=person, place=id_of(one_of(taken(answer, 200, 201))))

    async def _stop(self, message: Message) -> Outcome:
        if message.place is None:
            return Delivered(reason="not_begun")
        answer = await self._ask("DELETE", f"{_MEMBERSHIPS}/{message.place}")
        gone = taken(answer, 200, 204, 404).status == 404
        return Delivered(reason="gone" if gone else None)

    async def _upserted(self, message: Message, owner: str) -> str:
        lead = message.delivery.event.lead
        person = known(
            {
                "upsert_key": "email_address",
                "email_address": lead.email,
                "first_name": lead.first_name,
                "last_name": lead.last_name,
                "title": lead.job_title,
                "phone": lead.phone,
                "person_company_name": lead.company,
                "owner_id": owner,
            }
        )
        data = one_of(taken(await self._ask("POST", "/person_upserts", person), 200, 201))
        return id_of(data.get("person") or data)

    async def _memberships(self, person: str, sequence: int) -> list[Mapping[str, Any]]:
        query = urlencode({"person_id": person, "cadence_id": sequence})
        found = all_of(taken(await self._ask("GET", f"{_MEMBERSHIPS}?{query}"), 200))
        # The one that runs first.
        return sorted(found, key=lambda one: not one.get("currently_on_cadence"))

    async def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        raw = b"" if body is None else to_json(body)
        return await self._outside.request(
            method, f"{self._base}{path}", headers=self._headers, body=raw
        )
