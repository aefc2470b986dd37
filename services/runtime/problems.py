"""RFC 9457 problem documents: the one shape of every error answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

MEDIA_TYPE: Final = "application/problem+json"


class Problem(Exception):
    """Raised anywhere below a route; answered as a problem document.

    ``extra`` are members of the document beyond the standard ones. Nothing of a request's content
    belongs into any of them.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = extra

    def document(self) -> dict[str, Any]:
        """What the answer says."""
        document = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.detail:
            document["detail"] = self.detail
        return document | self.extra

    def response(self) -> Response:
        """The answer that it stands for."""
        body = json.dumps(self.document(), default=str).encode()
        return Response(body, self.status, self.headers, MEDIA_TYPE)


def unauthorized(detail: str) -> Problem:
    return Problem(
        401, "Unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="handraise"'}
    )


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """A 422 (400 where it is no JSON at all) that names each field, from pydantic's errors.

    The values themselves are left out: they may be personal, and the sender has them.
    """
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem(400, "Not JSON", "The body is not valid JSON.")
    faults = [{"field": _field(error["loc"]), "message": _sentence(error)} for error in errors]
    summary = "; ".join(f"{fault['field']}: {fault['message']}" for fault in faults[:3])
    more = f"; and {len(faults) - 3} more" if len(faults) > 3 else ""
    return Problem(422, "Invalid request", f"{summary}{more}", errors=faults)


def install(app: FastAPI) -> None:
    """Make every error of ``app`` a problem document."""

    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return error.response()

    async def http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        title = HTTPStatus(error.status_code).phrase
        detail = error.detail if error.detail != title else None
        return Problem(error.status_code, title, detail, headers=error.headers).response()

    async def validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return invalid(error.errors()).response()

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, validation)


def document_schema() -> dict[str, Any]:
    """The JSON Schema of a problem document, for OpenAPI."""
    text = {"type": "string"}
    fault = {"type": "object", "properties": {"field": text, "message": text}}
    return {
        "title": "Problem",
        "description": "RFC 9457.",
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "errors": {"type": "array", "items": fault},
        },
    }


def _field(location: Sequence[str | int]) -> str:
    parts = [str(part) for part in location if part not in ("body", "__root__")]
    return ".".join(parts) or "body"


def _sentence(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "is required"
    if error["type"] == "extra_forbidden":
        return "is not a known field"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be", "should be", 1)
