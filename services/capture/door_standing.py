"""``GET /v1/submissions/{id}``: what became of it, for whoever was given its token."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic_core import to_json

from services.capture import openapi_website
from services.capture.browser import BrowserConfig
from services.capture.door import Doors
from services.capture.standing import source_of, standing
from services.runtime.http import too_many_unproven
from services.runtime.problems import unauthorized

_TOKEN: Final = HTTPBearer(
    auto_error=False, scheme_name="submission_token", description="`token` of the acceptance."
)
Given = Annotated[HTTPAuthorizationCredentials | None, Security(_TOKEN)]


def routes(doors: Doors) -> APIRouter:
    """The one route."""
    found = APIRouter(tags=["browsers"])

    @found.get("/v1/submissions/{submission_id}", **openapi_website.STANDING)
    async def read_submission(
        request: Request,
        submission_id: UUID,
        given: Given = None,
        wait: Annotated[float, Query(ge=0, le=5, description="Seconds to wait for it.")] = 0.0,
    ) -> Response:
        """Who will call, or when somebody is back."""
        name = source_of(given.credentials if given else "", submission_id, doors.key)
        if name is None:
            spent = request.app.state.unproven.charge(request.scope)
            if spent > 0:
                raise too_many_unproven(spent)
            raise unauthorized("The token is not this submission's.")
        outcome = await doors.outcome(submission_id, wait)
        source = doors.config().sources.get(name)
        browser = (source.config.browser if source else None) or BrowserConfig()
        body = to_json(standing(submission_id, outcome, browser))
        headers = {"Cache-Control": "no-store"}
        return Response(body, headers=headers, media_type="application/json")

    return found
