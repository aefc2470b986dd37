"""What the OpenAPI document promises, tried on a running capture over a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.runtime.http import serve
from tests.integration.capture.running import capture
from tests.support.kafka import Broker

DOCUMENT = Path(__file__).parents[3] / "docs/openapi.json"
SUBMISSION = "/v1/submissions/{submission_id}"
RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
OPERATIONS = {
    ("post", "/v1/leads"): (RIGHT, WRONG),
    # Any body may come to a hook, so that none is wrong by the schema.
    ("post", "/hooks/{source}"): (RIGHT,),
    ("get", "/hooks/{source}"): (RIGHT,),
    ("post", "/v1/activities"): (RIGHT, WRONG),
    ("post", "/v1/signals"): (RIGHT, WRONG),
    # Lines of JSON: what is wrong is the line's fault, and said in a 200.
    ("post", "/v1/prospects"): (RIGHT,),
    ("get", SUBMISSION): (RIGHT, WRONG),
    ("get", "/handraise.js"): (RIGHT,),
    ("get", "/live"): (RIGHT,),
    ("get", "/metrics"): (RIGHT,),
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 40
RIGHT_BODIES: dict[tuple[str, str], Any] = {
    ("post", "/v1/leads"): {"kind": "demo_request", "email": "dana@northwind.example"},
    ("post", "/v1/activities"): {"activity": "page_view", "email": "dana@northwind.example"},
    ("post", "/v1/signals"): {"signal": "funding", "domain": "northwind.example"},
}
"""Generated bodies that fit the schema need not name anybody: all of them may be refused."""

schemathesis.serializer.alias("application/x-ndjson", "text/plain")


def attack(url: str, key: str, method: str, path: str) -> set[int]:
    """Generated requests to one operation; the statuses of the answers.

    :raises Exception: schemathesis's own, with the request as a curl command.
    """
    operation = schemathesis.openapi.from_path(str(DOCUMENT))[path][method]
    modes = OPERATIONS[method, path]
    statuses: set[int] = set()

    def ask(case: schemathesis.Case[Any]) -> None:
        response = case.call(base_url=url, headers={"authorization": f"Bearer {key}"})
        statuses.add(response.status_code)
        case.validate_response(response, checks=CHECKS)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in modes)))
    def try_them(case: schemathesis.Case[Any]) -> None:
        ask(case)

    if (method, path) in RIGHT_BODIES:
        for body in (RIGHT_BODIES[method, path], {}):
            ask(operation.Case(body=body, media_type="application/json"))
    try_them()
    return statuses


async def test_generated_requests_are_answered_as_the_document_says(
    postgres_dsn: str, mock_kafka: Broker
) -> None:
    async with capture(postgres_dsn, mock_kafka.settings) as it:
        server = await serve(it.ctx.app)
        try:
            found = {
                (method, path): await asyncio.to_thread(attack, server.url, it.key, method, path)
                for method, path in OPERATIONS
            }
        finally:
            await server.stop()
    for operation in RIGHT_BODIES:
        assert found[operation] >= {200, 422}
    assert 422 in found["post", "/v1/prospects"]
    assert 401 in found["get", SUBMISSION]
    assert found["get", "/handraise.js"] == {200}
    assert found["get", "/live"] == found["get", "/metrics"] == {200}
    assert found["post", "/hooks/{source}"] <= {401, 404, 405, 413, 429}
