"""Salesforce: the lead and its owner, by REST, as the user of a connected app.

The write names the version that was read (``If-Unmodified-Since``), so a person's change between
the two is never overwritten; ``Sforce-Auto-Assign: FALSE`` keeps Salesforce's own assignment rules
away from ours. Formats: developer.salesforce.com, REST API (query, sObject rows, conditional
requests), OAuth 2.0 client credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic_core import from_json, to_json

from schemas.assignment import AssignmentChanged
from services.delivery.config import SalesforceSink
from services.delivery.model import Again, Delivered, Disabled, Outcome, Owned, Refused, Skipped
from services.delivery.ownership import Verdict, judge
from services.delivery.sinks.base import Message
from services.delivery.sinks.outside import Answer, Outside

_TOKEN_REFUSED: Final = frozenset({"invalid_client", "invalid_client_id", "invalid_grant"})
_PASSES: Final = frozenset(
    {"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW", "UNKNOWN_EXCEPTION"}
)


class Salesforce:
    """One org."""

    def __init__(self, config: SalesforceSink, secret: str, outside: Outside) -> None:
        self._config = config
        self._secret = secret
        self._base = config.instance_url.rstrip("/")
        self._data = f"{self._base}/services/data/{config.api_version}"
        self._outside = outside
        self._token: str | None = None

    async def send(self, message: Message) -> Outcome:
        """See :class:`~services.delivery.sinks.base.Sink`."""
        event = message.delivery.event
        wanted = event.rep.external_ids.get(self._config.owner_ids) if event.rep else None
        if not event.lead.email:
            return Skipped("no_email")
        if wanted is None:
            return Refused("no_salesforce_id")
        found = await self._ask("GET", f"/query?q={quote(_query(event.lead.email), safe='')}")
        if found.status != 200:
            return _failed(found)
        records = found.document.get("records") or []
        if not records:
            return await self._create(event, wanted)
        return await self._own(records[0], wanted, message.place)

    async def _own(self, record: Mapping[str, Any], wanted: str, written: str | None) -> Outcome:
        there, lead = record.get("OwnerId"), str(record.get("Id"))
        match judge(there, wanted, written):
            case Verdict.ALREADY:
                return Delivered(ref=lead, place=wanted, reason="already")
            case Verdict.THEIRS:
                return Owned(str(there), self._config.owner_ids)
            case Verdict.WRITE:
                headers = {"sforce-auto-assign": "FALSE", **_unmodified(record)}
                answer = await self._ask(
                    "PATCH", f"/sobjects/Lead/{lead}", {"OwnerId": wanted}, headers
                )
        if answer.status in (200, 204):
            return Delivered(ref=lead, place=wanted)
        return Again("changed_meanwhile", 1.0) if answer.status == 412 else _failed(answer)

    async def _create(self, event: AssignmentChanged, wanted: str) -> Outcome:
        lead = event.lead
        fields = {
            "OwnerId": wanted,
            "Email": lead.email,
            "FirstName": lead.first_name,
            # Salesforce takes no lead without these two.
            "LastName": lead.last_name or lead.first_name or str(lead.email),
            "Company": lead.company or "[unknown]",
            "Title": lead.job_title,
            "Phone": lead.phone,
            "LeadSource": event.channel.value,
        }
        body = {name: value for name, value in fields.items() if value}
        answer = await self._ask("POST", "/sobjects/Lead", body, {"sforce-auto-assign": "FALSE"})
        if answer.status != 201:
            return _failed(answer)
        return Delivered(ref=str(answer.document.get("id")), place=wanted)

    async def _ask(
        self,
        method: str,
        path: str,
        body: object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call; a session that has ended is opened again, once."""
        answer = await self._once(method, path, body, headers or {})
        if answer.status == 401 and self._token is not None:
            self._token = None
            answer = await self._once(method, path, body, headers or {})
        return answer

    async def _once(
        self, method: str, path: str, body: object | None, headers: Mapping[str, str]
    ) -> Answer:
        if self._token is None:
            refused = await self._log_in()
            if refused is not None:
                return refused
        sent = {
            "authorization": f"Bearer {self._token}",
            "content-type": "application/json",
            **headers,
        }
        raw = b"" if body is None else to_json(body)
        return await self._outside.request(method, f"{self._data}{path}", headers=sent, body=raw)

    async def _log_in(self) -> Answer | None:
        """The answer that refused us; None where we are in."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self._config.client_id,
            "client_secret": self._secret,
        }
        answer = await self._outside.request(
            "POST",
            f"{self._base}/services/oauth2/token",
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
        if answer.status != 200:
            return answer
        self._token = str(answer.document.get("access_token"))
        return None


def _query(email: str) -> str:
    """SOQL for the open lead of an address; quotes and backslashes are escaped."""
    text = email.replace("\\", "\\\\").replace("'", "\\'")
    return (
        "SELECT Id, OwnerId, LastModifiedDate FROM Lead"
        f" WHERE Email = '{text}' AND IsConverted = false ORDER BY LastModifiedDate DESC LIMIT 1"
    )


def _unmodified(record: Mapping[str, Any]) -> dict[str, str]:
    text = record.get("LastModifiedDate")
    if not isinstance(text, str):
        return {}
    at = datetime.fromisoformat(text.replace("+0000", "+00:00"))
    return {"if-unmodified-since": format_datetime(at, usegmt=at.utcoffset() is not None)}


def _failed(answer: Answer) -> Outcome:
    code = _code(answer.body)
    if answer.status == 401 or code in _TOKEN_REFUSED:
        return Disabled("login_refused")
    if code in _PASSES or answer.status == 429 or answer.status >= 500:
        return Again((code or f"status_{answer.status}").lower()[:60], answer.retry_after_s)
    return Refused((code or f"status_{answer.status}").lower()[:60])


def _code(body: bytes) -> str | None:
    """The error code, of the API (a list) or of the login (an object)."""
    try:
        said = from_json(body)
    except ValueError:
        return None
    if isinstance(said, list) and said and isinstance(said[0], dict):
        return str(said[0].get("errorCode"))
    return str(said["error"]) if isinstance(said, dict) and "error" in said else None
