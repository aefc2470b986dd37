"""What reps press: links of a mail, buttons of Slack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Form, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, StrictUndefined

from schemas.assignment import RequestAction
from services.delivery.acting import Acting, Answer, Heard, read_action
from services.delivery.slack_actions import Pressed, is_slack, pressed
from services.delivery.tokens import BadToken, Claim, Tokens
from services.kernel.texts import Storable
from services.runtime.http import Problem, read_body

_MOST_BODY = 65_536
_TEMPLATES = Environment(autoescape=True, undefined=StrictUndefined)
_PAGE = _TEMPLATES.from_string(
    """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Handraise</title>
<meta name="robots" content="noindex"><meta name="viewport" content="width=device-width"></head>
<body style="font-family:sans-serif;max-width:30em;margin:3em auto">
<h1>{{ heading }}</h1><p>{{ text }}</p>
{% if buttons %}<form method="post">
<button name="action" value="accept">Accept</button>
<p><label>Why not? <input name="reason" maxlength="200"></label>
<button name="action" value="pass">Pass</button></p></form>{% endif %}
</body></html>
"""
)
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
}


@dataclass(frozen=True, slots=True)
class Doors:
    """What the routes need."""

    acting: Acting
    tokens: Tokens
    signing_secrets: Callable[[], list[bytes]]
    now: Callable[[], float]
    """Unix time."""
    tell: Callable[[str, str], Awaitable[None]]
    """Answers in Slack: address, sentence."""


def router(doors: Doors) -> APIRouter:
    """The routes of the service."""
    routes = APIRouter(tags=["delivery"])

    @routes.get(
        "/v1/act/{token}",
        summary="A page with the rep's answers; reading it changes nothing.",
        response_class=HTMLResponse,
    )
    async def show(token: str) -> Response:
        heard = await doors.acting.state(_claim(doors, token))
        if heard.answer is Answer.OVER:
            return _page(409, "This lead has moved on", _moved_on(heard))
        return _page(200, "A lead is waiting for you", "Will you take it?", buttons=True)

    @routes.post("/v1/act/{token}", summary="The rep's answer.", response_class=HTMLResponse)
    async def act(
        token: str,
        action: Annotated[str, Form(max_length=20)],
        reason: Annotated[str, Form(max_length=500), Storable] = "",
    ) -> Response:
        wanted = read_action(action)
        if wanted is None:
            raise Problem(422, "Invalid", "action: accept or pass.")
        return _answered(await doors.acting.ask(_claim(doors, token), wanted, reason), wanted)

    @routes.post("/v1/slack/interactions", summary="Buttons of our messages in Slack.")
    async def interactions(request: Request, later: BackgroundTasks) -> Response:
        found = await _proven(doors, request)
        wanted = read_action(found.action) if found is not None else None
        if found is not None and wanted is not None:
            sentence = await _pressed(doors, found, wanted)
            if sentence is not None and found.response_url is not None:
                later.add_task(doors.tell, found.response_url, sentence)
        return Response(status_code=200)

    return routes


def _claim(doors: Doors, token: str) -> Claim:
    try:
        return doors.tokens.read(token)
    except BadToken as error:
        raise Problem(404, "Not found", f"{str(error).capitalize()}.") from None


def _answered(heard: Heard, wanted: RequestAction) -> HTMLResponse:
    match heard.answer:
        case Answer.OVER:
            return _page(409, "This lead has moved on", _moved_on(heard))
        case Answer.DONE if wanted is RequestAction.ACCEPT:
            return _page(200, "It is yours", "You accepted this lead.")
        case Answer.DONE:
            return _page(200, "Passed on", "Somebody else gets this lead.")
        case Answer.ASKED:
            return _page(202, "Noted", "Your answer is on its way.")


async def _proven(doors: Doors, request: Request) -> Pressed | None:
    body = await read_body(request, _MOST_BODY)
    stamp = request.headers.get("x-slack-request-timestamp", "")
    signature = request.headers.get("x-slack-signature", "")
    if not is_slack(body, stamp, signature, doors.signing_secrets(), doors.now()):
        raise Problem(401, "Unauthorized", "This request is not signed by our Slack app.")
    return pressed(body)


async def _pressed(doors: Doors, found: Pressed, wanted: RequestAction) -> str | None:
    """What the rep is told at once; None where the message itself will say it."""
    try:
        claim = doors.tokens.read(found.token)
    except BadToken:
        return "This button is not valid any more."
    if wanted is RequestAction.ACCEPT:  # their own word; to pass a lead on others may help
        rep = await doors.acting.whose(claim, found.user)
        if rep is not None:
            return f"Only {rep} can accept this lead."
    heard = await doors.acting.publish(claim, wanted)
    return _moved_on(heard) if heard.answer is Answer.OVER else None


def _moved_on(heard: Heard) -> str:
    if heard.owner is None:
        return "It is not open any more."
    return f"{heard.owner} has it now."


def _page(status: int, heading: str, text: str, *, buttons: bool = False) -> HTMLResponse:
    body = _PAGE.render(heading=heading, text=text, buttons=buttons)
    return HTMLResponse(body, status, headers=_HEADERS)
