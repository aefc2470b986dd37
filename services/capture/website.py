"""What browsers are given: the script for websites, and leave to ask from configured origins."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.types import Scope

from services.capture import openapi_website
from services.capture.config import Source
from services.capture.door import Doors
from services.runtime.http import Principal, Problem

_PREFLIGHT_S: Final = 7_200
_SCRIPT_S: Final = 3_600
_ALLOWED: Final = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key",
    "Access-Control-Max-Age": str(_PREFLIGHT_S),
}
_FOR_PAGES: Final = ("/v1/leads", "/v1/submissions/")
_READABLE: Final = (
    # Without the name of the header a script reads "try again", but not when.
    (b"access-control-expose-headers", b"Retry-After"),
    (b"vary", b"Origin"),
)
_COMMENT_OR_INDENT: Final = re.compile(r"^(?:/\*.*\*/\n| *//.*\n| +)", re.MULTILINE)


@cache
def script() -> bytes:
    """``handraise.js``, without indentation and comments on lines of their own."""
    text = files("services.capture").joinpath("static/handraise.js").read_text("utf-8")
    return _COMMENT_OR_INDENT.sub("", text).encode()


def routes(doors: Doors) -> APIRouter:
    """The script, and the answers to preflights."""
    found = APIRouter(tags=["browsers"])
    tag = f'"{sha256(script()).hexdigest()[:32]}"'

    @found.get("/handraise.js", **openapi_website.SCRIPT)
    async def website_script(request: Request) -> Response:
        """The website script."""
        headers = {
            "ETag": tag,
            "Cache-Control": f"public, max-age={_SCRIPT_S}",
            "Access-Control-Allow-Origin": "*",
            "X-Content-Type-Options": "nosniff",
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(script(), headers=headers, media_type="text/javascript")

    async def preflight(request: Request) -> Response:
        if request.headers.get("origin", "") not in doors.config().origins:
            raise Problem(403, "Forbidden", "No source takes leads from pages of this origin.")
        return Response(status_code=204, headers=_ALLOWED)

    for path in ("/v1/leads", "/v1/submissions/{submission_id}"):
        found.add_api_route(path, preflight, methods=["OPTIONS"], include_in_schema=False)
    return found


def check_origin(request: Request, source: Source, principal: Principal) -> None:
    """A publishable key stands in every page's source: it works from the source's pages alone.

    :raises Problem: 403. Outside browsers an origin can be made up; the key's one scope is what
        bounds the harm.
    """
    if not principal.publishable:
        return
    browser = source.config.browser
    if browser is None or request.headers.get("origin", "") not in browser.origins:
        raise Problem(
            403, "Forbidden", "This publishable key takes no leads from pages of this origin."
        )


def readable_from(doors: Doors) -> Callable[[Scope], Sequence[tuple[bytes, bytes]]]:
    """What lets allowed pages read every answer that is for them: faults and refusals too."""

    def headers(scope: Scope) -> Sequence[tuple[bytes, bytes]]:
        if not scope["path"].startswith(_FOR_PAGES):
            return ()
        origin = b""
        for name, value in scope["headers"]:
            if name == b"origin":
                origin = value
                break
        if not origin or origin.decode("latin-1") not in doors.config().origins:
            return ()
        return ((b"access-control-allow-origin", origin), *_READABLE)

    return headers
