"""Outreach: the prospect, and its state in a sequence. JSON:API 1.0.

A sequence state needs prospect, sequence and mailbox; a prospect is found by its e-mail address;
``actions/finish`` ends a state. Formats: developers.outreach.io, API reference and Making requests
(any other media type than ``application/vnd.api+json`` is 415; 10,000 calls an hour for a user).
The access token lasts two hours; a refresh gives a new refresh token, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from pydantic_core import to_json

from services.delivery.logins import Grant, Logins
from services.delivery.model import Again, Delivered, Disabled, Outcome
from services.delivery.planconfig import OutreachSink
from services.delivery.sinks.base import Message
from services.delivery.sinks.plans import (
    Failed,
    Plans,
    all_of,
    external_id,
    id_of,
    known,
    one_of,
    taken,
)
from services.runtime.outside import Answer, Outside

_MEDIA: Final = "application/vnd.api+json"
_OVER: Final = frozenset({"finished", "opted_out", "bounced", "disabled", "failed"})
"""States in which nothing more is sent."""
_LONGEST_S: Final = 7200
"""How long an access token lasts where the answer does not say."""


class Outreach(Plans):
    """One organisation, as one user."""

    def __init__(
        self,
        config: OutreachSink,
        secrets: tuple[str, str],
        outside: Outside,
        logins: Logins,
        now: Callable[[], datetime],
    ) -> None:
        """:param secrets: client secret and refresh token."""
        super().__init__(config)
        self._config = config
        self._base = config.base_url.rstrip("/")
        self._client_secret, self._given = secrets
        self._outside = outside
        self._logins = logins
        self._now = now

    async def _exists(self, sequence: int) -> bool:
        answer = taken(await self._ask("GET", f"/sequences/{sequence}"), 200, 404)
        return answer.status == 200

    async def _begin(self, message: Message, sequence: int, *, first: bool) -> Outcome:
        event = message.delivery.event
        owner = self._owner_of(event)
        mailbox = external_id(event, self._config.mailbox_ids)
        prospect = await self._prospect(message, owner)
        states = await self._states(prospect, sequence)
        running = [one for one in states if _state(one) not in _OVER]
        if running or (states and not first):
            return Delivered(ref=prospect, place=id_of((running or states)[0]), reason="already")
        related = {"prospect": prospect, "sequence": str(sequence), "mailbox": mailbox}
        made = await self._write("POST", "/sequenceStates", _resource("sequenceState", {}, related))
        return Delivered(ref=prospect, place=id_of(made))

    async def _stop(self, message: Message) -> Outcome:
        if message.place is None:
            return Delivered(reason="not_begun")
        path = f"/sequenceStates/{message.place}"
        found = taken(await self._ask("GET", path), 200, 404)
        if found.status == 404 or _state(one_of(found)) in _OVER:
            return Delivered(reason="gone")
        taken(await self._ask("POST", f"{path}/actions/finish"), 200, 201, 204)
        return Delivered()

    async def _prospect(self, message: Message, owner: str) -> str:
        """The prospect of the lead's address, made or brought up to date."""
        lead = message.delivery.event.lead
        attributes = known(
            {
                "firstName": lead.first_name,
                "lastName": lead.last_name,
                "company": lead.company,
                "title": lead.job_title,
                "workPhones": [lead.phone] if lead.phone else None,
            }
        )
        query = urlencode({"filter[emails]": str(lead.email), "page[size]": 1})
        found = await self._found(f"/prospects?{query}")
        if not found:
            new = _resource("prospect", {**attributes, "emails": [lead.email]}, {"owner": owner})
            return id_of(await self._write("POST", "/prospects", new))
        id_ = id_of(found[0])
        changed = _resource("prospect", attributes, {"owner": owner}, id_)
        await self._write("PATCH", f"/prospects/{id_}", changed)
        return id_

    async def _states(self, prospect: str, sequence: int) -> Sequence[Mapping[str, Any]]:
        wanted = {
            "filter[prospect][id]": prospect,
            "filter[sequence][id]": sequence,
            "fields[sequenceState]": "state",
        }
        return await self._found(f"/sequenceStates?{urlencode(wanted)}")

    # -- calls ---------------------------------------------------------------------------------
    async def _found(self, path: str) -> Sequence[Mapping[str, Any]]:
        return all_of(taken(await self._ask("GET", path), 200))

    async def _write(self, method: str, path: str, body: object) -> Mapping[str, Any]:
        return one_of(taken(await self._ask(method, path, body), 200, 201))

    async def _ask(self, method: str, path: str, body: object | None = None) -> Answer:
        """One call; an access token that is refused all the same is replaced, once."""
        token = await self._token()
        answer = await self._once(method, path, body, token)
        if answer.status == 401:
            token = await self._token(refused=token)
            answer = await self._once(method, path, body, token)
        return answer

    async def _once(self, method: str, path: str, body: object | None, token: str) -> Answer:
        headers = {"authorization": f"Bearer {token}", "content-type": _MEDIA, "accept": _MEDIA}
        raw = b"" if body is None else to_json(body)
        url = f"{self._base}/api/v2{path}"
        return await self._outside.request(method, url, headers=headers, body=raw)

    async def _token(self, refused: str | None = None) -> str:
        return await self._logins.access_token(self._given, self._refreshed, refused)

    async def _refreshed(self, refresh_token: str) -> Grant:
        form = {
            "client_id": self._config.client_id,
            "client_secret": self._client_secret,
            "redirect_uri": self._config.redirect_uri,
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
        }
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await self._outside.request(
            "POST", f"{self._base}/oauth/token", headers=headers, body=urlencode(form).encode()
        )
        if answer.status == 400:
            raise Failed(Disabled("login_refused"))
        said = taken(answer, 200).document
        if "access_token" not in said:
            raise Failed(Again("unreadable"))
        lasts = timedelta(seconds=float(said.get("expires_in") or _LONGEST_S))
        fresh = str(said.get("refresh_token") or refresh_token)
        return Grant(str(said["access_token"]), fresh, self._now() + lasts)


def _resource(
    type_: str, attributes: Mapping[str, object], related: Mapping[str, str], id_: str | None = None
) -> dict[str, object]:
    kinds = {"owner": "user"}
    data: dict[str, object] = {
        "type": type_,
        "attributes": dict(attributes),
        "relationships": {
            name: {"data": {"type": kinds.get(name, name), "id": int(one)}}
            for name, one in related.items()
        },
    }
    return {"data": data if id_ is None else {**data, "id": int(id_)}}


def _state(one: Mapping[str, Any]) -> str:
    return str((one.get("attributes") or {}).get("state"))
