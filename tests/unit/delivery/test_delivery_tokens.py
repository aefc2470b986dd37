"""Tokens name one rep and one attempt, and end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from services.delivery.tokens import BadToken, Claim, Tokens

TOKENS = Tokens(b"an installation's secret of 32 bytes!")
CLAIM = Claim(uuid4(), "mara.lindqvist")


def now() -> datetime:
    return datetime.now(UTC)


def test_a_token_says_who_may_answer_for_what() -> None:
    assert TOKENS.read(TOKENS.make(CLAIM, now())) == CLAIM


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x.y.z",
        Tokens(b"another installation's secret......").make(CLAIM, now()),
        TOKENS.make(CLAIM, now() - timedelta(days=15)),
        TOKENS.make(CLAIM, now())[:-2],
        jwt.encode({"sub": "mara", "jti": str(uuid4())}, key="", algorithm="none"),
    ],
    ids=["empty", "nonsense", "another's", "old", "cut", "unsigned"],
)
def test_any_other_is_refused(token: str) -> None:
    with pytest.raises(BadToken):
        TOKENS.read(token)
