"""``handraise correct`` asks routing for each move over HTTP, and goes on where one is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from services.cli import correct, routing_api, target
from services.routing.review.correcting import Move

FIRST, SECOND = uuid4(), uuid4()


def move(assignment_id: UUID) -> Move:
    return Move(assignment_id, uuid4(), "assigned", "ana", "desk", "eve", "enterprise", "big")


def test_each_move_is_asked_for_and_a_refused_one_keeps_no_other_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, dict[str, str]]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.url.path, json.loads(request.content)))
        if str(FIRST) in request.url.path:
            problem = {"title": "The attempt is over", "detail": "ben has the lead now."}
            return httpx.Response(409, json=problem)
        return httpx.Response(200, json={"status": "expired"})

    @contextmanager
    def client(_: target.Target) -> Iterator[httpx.Client]:
        with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://t") as one:
            yield one

    monkeypatch.setattr(routing_api, "client", client)
    monkeypatch.setattr("getpass.getuser", lambda: "maya")
    where = target.find(Path("nowhere"))
    done = correct._applied(where, [move(FIRST), move(SECOND)], "wrong rule")
    assert [path for path, _ in asked] == [
        f"/v1/assignments/{one}/correct" for one in (FIRST, SECOND)
    ]
    assert asked[0][1] == {
        "to": "eve",
        "by": "maya",
        "reason": "wrong rule",
        "expected_status": "assigned",
    }
    assert [one["ok"] for one in done] == [False, True]
    assert "ben has the lead now" in done[0]["answer"]
