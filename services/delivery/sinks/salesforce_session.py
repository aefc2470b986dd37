"""A session of Salesforce's REST API as the user of a connected app, and what its refusals mean.

Formats: developer.salesforce.com, OAuth 2.0 client credentials, REST API (status codes and error
responses).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from pydantic_core import from_json, to_json

from services.delivery.config import SalesforceSink
from services.delivery.model import Again, Disabled, Outcome, Refused
from services.runtime.outside import Answer, Outside

_TOKEN_REFUSED: Final = frozenset({"invalid_client", "invalid_client_id", "invalid_grant"})
_PASSES: Final = frozenset(
    {"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW", "UNKNOWN_EXCEPTION"}
)


class Session:
    """Opened when it is first needed, and again when it has ended."""

    def __init__(self, config: SalesforceSink, secret: str, outside: Outside) -> None:
        self._config = config
        self._secret = secret
        self._base = config.instance_url.rstrip("/")
        self.data = f"/services/data/{config.api_version}"
        """Path of the API's version."""
        self._outside = outside
        self._token: str | None = None

    async def ask(
        self,
        method: str,
        path: str,
        body: object | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call; a session that has ended is opened again, once.

        :param path: below the API's version, or from ``/services/`` on as the vendor gave it.
        """
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
        whole = path if path.startswith("/services/") else f"{self.data}{path}"
        return await self._outside.request(method, f"{self._base}{whole}", headers=sent, body=raw)

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


def failed(answer: Answer) -> Outcome:
    """What follows from an answer that is no success."""
    return judged(answer.status, code_of(_said(answer.body)), answer.retry_after_s)


def judged(status: int, code: str | None, retry_after_s: float | None = None) -> Outcome:
    """What follows from a status and an error code, of a call or of one record in it."""
    if status == 401 or code in _TOKEN_REFUSED:
        return Disabled("login_refused")
    reason = (code or f"status_{status}").lower()[:60]
    if code in _PASSES or status == 429 or status >= 500:
        return Again(reason, retry_after_s)
    return Refused(reason)


def code_of(said: Any) -> str | None:
    """The error code, of the API (a list) or of the login (an object)."""
    if isinstance(said, list) and said and isinstance(said[0], dict):
        first = said[0]
        return str(first.get("errorCode") or first.get("statusCode"))
    return str(said["error"]) if isinstance(said, dict) and "error" in said else None


def quoted(text: str) -> str:
    """A string of SOQL; quotes and backslashes are escaped."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _said(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return None
