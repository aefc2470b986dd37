"""Calls of routing's HTTP routes, as any other caller makes them."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

import httpx

from services.cli.output import CommandError
from services.cli.target import Target

ADDRESS = "HANDRAISE_ROUTING__URL"
_TIMEOUT_S = 60.0


def client(where: Target) -> httpx.Client:
    """A client of the routing service of a running ``up``, or of that at the environment's URL."""
    named = os.environ.get(ADDRESS)
    if named is None and (where.running is None or "routing" not in where.running.services):
        raise CommandError(f"nothing runs on {where.data} and {ADDRESS} is not set")
    url = named or where.service("routing")
    key = {"authorization": f"Bearer {where.api_key}"}
    return httpx.Client(base_url=url, headers=key, timeout=_TIMEOUT_S, trust_env=False)


def path(*parts: str) -> str:
    """A route of routing; what a person typed stays one part of it."""
    return "/".join(("/v1", *(quote(part, safe="") for part in parts)))


def answered(response: httpx.Response) -> Any:
    """The JSON of an answer.

    :raises CommandError: with what the problem document says.
    """
    if response.is_success:
        return response.json()
    try:
        problem = response.json()
        said = problem.get("detail") or problem.get("title")
    except ValueError:
        said = response.text[:200]
    raise CommandError(f"routing answers {response.status_code}: {said}")
