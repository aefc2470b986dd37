"""A rep's answer from a link or a button."""

from __future__ import annotations

import httpx
import pytest

from schemas.assignment import AssignmentChanged, AssignmentStatus, RequestAction
from services.delivery import http
from services.delivery.http import Doors
from services.delivery.tokens import Claim
from services.runtime.http import create_app
from services.runtime.metrics import Metrics
from tests.integration.delivery.office import Office, now, office
from tests.support.changes import changed, next_attempt
from tests.unit.delivery.test_delivery_slack import NOW, SECRET, press, signed


def client(it: Office, told: list[tuple[str, str]]) -> httpx.AsyncClient:
    async def tell(url: str, sentence: str) -> None:
        told.append((url, sentence))

    app = create_app("delivery", metrics=Metrics())
    app.include_router(
        http.router(Doors(it.acting, it.tokens, lambda: [SECRET], lambda: NOW, tell))
    )
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://delivery")


def token(it: Office, event: AssignmentChanged) -> str:
    assert event.rep is not None
    return it.tokens.make(Claim(event.assignment_id, event.rep.id), now())


async def test_reading_the_link_changes_nothing(postgres_dsn: str) -> None:
    async with office(postgres_dsn, {}) as it, client(it, []) as web:
        event = changed()
        await it.tell(event)
        page = await web.get(f"/v1/act/{token(it, event)}")
        assert page.status_code == 200
        assert "Will you take it?" in page.text
        assert page.headers["cache-control"] == "no-store"
        assert it.published == []


async def test_a_press_is_a_request_and_says_what_came_of_it(postgres_dsn: str) -> None:
    async with office(postgres_dsn, {}) as it, client(it, []) as web:
        event = changed()
        await it.tell(event)
        publish = it.outbox._publish

        async def routing_answers(outputs: object) -> None:
            await publish(outputs)  # type: ignore[arg-type]
            await it.tell(changed(AssignmentStatus.ACCEPTED, of=event))

        it.outbox._publish = routing_answers
        path = f"/v1/act/{token(it, event)}"
        answer = await web.post(path, data={"action": "accept"})
        assert (answer.status_code, "It is yours" in answer.text) == (200, True)
        [request] = it.published
        assert (request.action, request.rep_id) == (RequestAction.ACCEPT, "mara.lindqvist")
        assert request.assignment_id == event.assignment_id


async def test_a_reason_that_no_table_takes_is_refused_and_not_lost_on_its_way(
    postgres_dsn: str,
) -> None:
    async with office(postgres_dsn, {}) as it, client(it, []) as web:
        event = changed()
        await it.tell(event)
        path = f"/v1/act/{token(it, event)}"
        answer = await web.post(path, data={"action": "pass", "reason": "no\0time"})
        assert (answer.status_code, it.published) == (422, [])


async def test_a_late_answer_names_the_present_owner(postgres_dsn: str) -> None:
    sinks = {"hook": {"type": "webhook", "url": "https://x.example/", "secret": "NONE"}}
    async with office(postgres_dsn, sinks) as it, client(it, []) as web:
        first = changed()
        await it.tell(first, next_attempt(first, "sam", "Sam Rivera"))
        for answer in (
            await web.get(f"/v1/act/{token(it, first)}"),
            await web.post(f"/v1/act/{token(it, first)}", data={"action": "accept"}),
        ):
            assert answer.status_code == 409
            assert "Sam Rivera has it now." in answer.text
        assert it.published == []
        # Looking is no answer; one that is given again says nothing new.
        await web.post(f"/v1/act/{token(it, first)}", data={"action": "accept"})
        [kept] = await it.rows("select lead_id, action, owner from delivery.late_answers")
        assert kept == {"lead_id": first.lead_id, "action": "accept", "owner": "Sam Rivera"}


@pytest.mark.parametrize("bad", ["nonsense", "a.b.c"])
async def test_a_wrong_link_is_404(postgres_dsn: str, bad: str) -> None:
    async with office(postgres_dsn, {}) as it, client(it, []) as web:
        assert (await web.get(f"/v1/act/{bad}")).status_code == 404
        assert (await web.post(f"/v1/act/{bad}", data={"action": "accept"})).status_code == 404


async def test_a_button_of_slack_acts_and_a_late_one_is_told(postgres_dsn: str) -> None:
    told: list[tuple[str, str]] = []
    sinks = {"hook": {"type": "webhook", "url": "https://x.example/", "secret": "NONE"}}
    async with office(postgres_dsn, sinks) as it, client(it, told) as web:
        event = changed()
        await it.tell(event)

        async def pressed(which: AssignmentChanged, **wrong: object) -> httpx.Response:
            body = press("handraise_pass").replace(b"the-token", token(it, which).encode())
            stamp, proof = signed(body, **wrong)  # type: ignore[arg-type]
            headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": proof}
            return await web.post("/v1/slack/interactions", content=body, headers=headers)

        assert (await pressed(event, secret=b"wrong")).status_code == 401
        assert it.published == []
        assert (await pressed(event)).status_code == 200
        assert [one.action for one in it.published] == [RequestAction.REJECT]
        await it.tell(next_attempt(event, "sam", "Sam Rivera"))
        assert (await pressed(event)).status_code == 200
        assert told == [("https://hooks.slack.com/actions/1", "Sam Rivera has it now.")]
        assert len(it.published) == 1


async def test_nobody_else_in_a_channel_accepts_for_the_rep(postgres_dsn: str) -> None:
    told: list[tuple[str, str]] = []
    async with office(postgres_dsn, {}) as it, client(it, told) as web:
        event = changed()
        assert event.rep is not None
        await it.tell(event)

        async def pressed(user: str, action: str) -> None:
            body = press(action, user={"id": user})
            body = body.replace(b"the-token", token(it, event).encode())
            stamp, proof = signed(body)
            headers = {"x-slack-request-timestamp": stamp, "x-slack-signature": proof}
            answer = await web.post("/v1/slack/interactions", content=body, headers=headers)
            assert answer.status_code == 200

        await it.meet(event.rep.id, name="Mara Lindqvist", external_ids={"slack": "U0MARA"})
        await pressed("U0SAM", "handraise_accept")
        assert it.published == []
        assert told == [
            ("https://hooks.slack.com/actions/1", "Only Mara Lindqvist can accept this lead.")
        ]
        await pressed("U0SAM", "handraise_reassign")
        await pressed("U0MARA", "handraise_accept")
        asked = [one.action for one in it.published]
        assert asked == [RequestAction.REASSIGN, RequestAction.ACCEPT]
        # Whose id nobody knows is not to be told apart.
        await it.meet(event.rep.id, name="Mara Lindqvist", external_ids={})
        await pressed("U0SAM", "handraise_accept")
        assert len(told) == 1
