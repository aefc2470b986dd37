"""What proves in a mail or a button who may answer for an attempt: a signed token (JWT, HS256).

It names the attempt and the rep and nothing of the lead, and dies with the attempt, since routing
answers only for the one that is open; at the latest it ends after 14 days.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import jwt

LIFETIME = timedelta(days=14)
_AUDIENCE = "handraise.act"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who may answer for what."""

    assignment_id: UUID
    rep_id: str


class BadToken(ValueError):
    """It is none of ours, or over."""


class Tokens:
    """Makes and reads tokens with a key of their own."""

    def __init__(self, installation: bytes) -> None:
        """:param installation: the installation's secret; never used itself."""
        self._key = hmac.digest(installation, b"delivery act tokens", hashlib.sha256)

    def make(self, claim: Claim, issued: datetime) -> str:
        """A token for the rep."""
        return jwt.encode(
            {
                "aud": _AUDIENCE,
                "sub": claim.rep_id,
                "jti": str(claim.assignment_id),
                "iat": issued,
                "exp": issued + LIFETIME,
            },
            self._key,
            algorithm="HS256",
        )

    def read(self, token: str) -> Claim:
        """:raises BadToken: not ours, changed, or over."""
        try:
            said = jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                audience=_AUDIENCE,
                options={"require": ["exp", "sub", "jti"]},
            )
            return Claim(UUID(said["jti"]), said["sub"])
        except (jwt.InvalidTokenError, ValueError) as error:
            raise BadToken("the link is not valid (any more)") from error
