"""What in delivery.yaml does nothing is found before anybody waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from services.delivery.checking import findings
from services.delivery.config import DeliveryFile

HOOK: dict[str, Any] = {"type": "webhook", "url": "https://hooks.example/", "secret": "HOOK"}
SLACK: dict[str, Any] = {"type": "slack", "secret": "SLACK"}
LOFT: dict[str, Any] = {"type": "salesloft", "token": "KEY", "sequences": {"warm": 7}}


@pytest.mark.parametrize(
    ("sink", "path", "says"),
    [
        (HOOK | {"only": {"pools": ["dsk"]}}, ("only", "pools"), "no pool dsk; did you mean desk?"),
        (SLACK | {"channel": "#leads"}, ("channel",), "posts to its own channel"),
        (SLACK | {"to": "channel"}, ("to",), "posts to its own channel"),
        (LOFT | {"only": {"statuses": ["assigned"]}}, ("only", "statuses"), "not of changes"),
    ],
)
def test_what_has_no_effect_is_said(sink: dict[str, Any], path: tuple[str, ...], says: str) -> None:
    file = DeliveryFile.model_validate({"sinks": {"it": sink}})
    [found] = findings(file, ["warm"], ["desk"])
    assert found.path == ("sinks", "it", *path)
    assert says in found.message


@pytest.mark.parametrize(
    "sink",
    [
        HOOK | {"only": {"pools": ["desk"], "statuses": ["assigned"]}},
        SLACK,
        {"type": "slack", "token": "BOT", "signing_secret": "SIGNING", "channel": "#leads"},
        LOFT,
    ],
)
def test_nothing_is_said_of_a_good_sink(sink: dict[str, Any]) -> None:
    file = DeliveryFile.model_validate({"sinks": {"it": sink}})
    assert list(findings(file, ["warm"], ["desk"])) == []
