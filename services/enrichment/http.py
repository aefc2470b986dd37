"""``/callbacks/{token}``: where a vendor brings the answer to one question, later."""

from __future__ import annotations

from typing import Any, Final

import structlog
from fastapi import APIRouter, Request
from pydantic_core import from_json

from services.enrichment.late import PATH, Late, Unexpected, Unreadable
from services.runtime.http import Problem, read_body, too_many_unproven

log = structlog.get_logger(__name__)

MAX_BODY: Final = 65_536
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"description": "the body is not JSON"},
    404: {"description": "nobody waits for this answer, or not any more"},
    413: {"description": "the body is too large"},
    422: {"description": "the answer cannot be used; it is waited for all the same"},
    429: {"description": "too many of this network's requests were about nothing"},
}


def router(late: Late) -> APIRouter:
    """The route. The token is the proof: vendors sign nothing."""
    routes = APIRouter(tags=["callbacks"], responses=_PROBLEMS)

    @routes.post(f"{PATH}/{{token}}")
    async def answered(token: str, request: Request) -> dict[str, str]:
        """Bring the answer to the question that named this address. Repeats change nothing."""
        body = await read_body(request, MAX_BODY)
        try:
            document = from_json(body, allow_inf_nan=False)
        except ValueError:
            raise Problem(400, "Not readable", "The body is not JSON.") from None
        try:
            new = await late.take(token, document)
        except Unexpected as error:
            raise _unknown(request, str(error)) from None
        except Unreadable as error:
            log.warning("callback.unreadable", reason=str(error))
            raise Problem(422, "Not usable", f"The answer cannot be used: {error}.") from None
        return {"status": "accepted" if new else "duplicate"}

    return routes


def _unknown(request: Request, said: str) -> Problem:
    wait = request.app.state.unproven.charge(request.scope)
    if wait > 0:
        return too_many_unproven(wait)
    log.warning("callback.unexpected")
    return Problem(404, "Unknown", f"{said[0].upper()}{said[1:]}.")
