"""``/v1/config``: the register of configuration versions, for whoever does not sit at a shell.

A new set of files is published by command only: nobody else reads every service's files, and a set
that one service cannot use must not become active. What was published before may come back.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import asyncpg
from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.kernel.calendars import Calendars
from services.kernel.people import Teams
from services.routing import checking, covering
from services.routing.config import CALENDARS, ROUTING, TEAMS, RoutingFile, parse
from services.runtime.apikeys import Principal, Scope
from services.runtime.configfile import ConfigError, Fault, Faults
from services.runtime.configstore import ConfigStore, NoConfiguration, differences, version_of
from services.runtime.http import Problem, json_only, require

Admin = Annotated[Principal, Depends(require(Scope.REPS_ADMIN))]
Reader = Annotated[Principal, Depends(require(Scope.DECISIONS_READ))]
ACTIVE = "active"
"""In place of a version: the one that decides now."""
_store = ConfigStore()
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"description": "no valid API key"},
    403: {"description": "the key lacks the scope"},
    404: {"description": "there is no such version"},
    422: {"description": "routing cannot use the version; names file and line"},
}


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds NUL, which no text may")
    return text


class Check(BaseModel):
    """Files that are to take the place of the active version's."""

    model_config = ConfigDict(extra="forbid")

    files: Annotated[dict[str, str], Field(min_length=1, max_length=50)]


class Rollback(BaseModel):
    """Which version, and why."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_storable)]
    reason: Annotated[str, Field(max_length=500), AfterValidator(_storable)] = ""


def router(pool: asyncpg.Pool) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/config", tags=["configuration"], responses=_PROBLEMS)
    _reading(routes, pool)
    _changing(routes, pool)
    return routes


def _reading(routes: APIRouter, pool: asyncpg.Pool) -> None:
    @routes.get("/versions")
    async def versions(_: Reader) -> dict[str, Any]:
        """Who published what, the newest first, and what becomes active later."""
        async with pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            return {
                "versions": [asdict(one) for one in await _store.list(connection)],
                "scheduled": [asdict(one) for one in await _store.scheduled(connection)],
            }

    @routes.get("/versions/{version}")
    async def show(version: str, _: Reader) -> dict[str, Any]:
        """The files of a version (or ``active``), as they were published."""
        files = await _files(pool, version)
        return {"version": version_of(files), "files": files}

    @routes.get("/diff")
    async def diff(_: Reader, new: str, old: str = ACTIVE) -> dict[str, Any]:
        """What differs between two versions, line by line."""
        before, after = await _files(pool, old), await _files(pool, new)
        lines = differences(before, after)
        return {"old": version_of(before), "new": version_of(after), "diff": lines}

    @routes.post("/check", dependencies=[Depends(json_only)])
    async def check(asked: Check, _: Reader) -> dict[str, Any]:
        """What routing finds in these files, put in place of the active version's; stores nothing.

        `handraise config check` asks every service.
        """
        files = {**await _files(pool, ACTIVE), **asked.files}
        found = _faults(files)
        warned = [] if found else _findings(files, datetime.now(UTC))
        return {
            "version": version_of(files),
            "faults": [asdict(one) for one in found],
            "findings": [asdict(one) for one in warned],
        }


def _changing(routes: APIRouter, pool: asyncpg.Pool) -> None:
    @routes.post("/rollback", dependencies=[Depends(json_only)])
    async def rollback(asked: Rollback, by: Admin) -> dict[str, Any]:
        """Make an earlier version active again; decided with within a second."""
        files = await _files(pool, asked.version)
        found = _faults(files)
        if found:
            raise Problem(422, "Not usable", "; ".join(map(str, found)))
        note = asked.reason or f"rolled back to {asked.version}"
        async with pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            version = await _store.publish(connection, files, by.name, note)
        return {"version": version, "active": True}

    @routes.delete("/scheduled/{version}")
    async def cancel(version: str, _: Admin) -> dict[str, Any]:
        """Call off a version that was to become active later."""
        async with pool.acquire() as proxy:
            cancelled = await _store.cancel(cast(asyncpg.Connection, proxy), version)
        if not cancelled:
            raise Problem(404, "Not scheduled", f"Version {version} is not scheduled.")
        return {"version": version, "cancelled": cancelled}


async def _files(pool: asyncpg.Pool, version: str) -> dict[str, str]:
    async with pool.acquire() as proxy:
        connection = cast(asyncpg.Connection, proxy)
        try:
            if version == ACTIVE:
                return (await _store.active(connection))[1]
            return await _store.files(connection, version)
        except NoConfiguration as fault:
            raise Problem(404, "Unknown version", str(fault)) from None


def _faults(files: dict[str, str]) -> list[Fault]:
    try:
        parse(files)
    except ConfigError as error:
        return error.faults
    return []


def _findings(files: dict[str, str], now: datetime) -> list[Fault]:
    """Dead and shadowed rules, people who are gone, hours that nobody covers."""
    faults = Faults(files)
    routing = faults.parse(RoutingFile, ROUTING)
    teams, calendars = faults.parse(Teams, TEAMS), faults.parse(Calendars, CALENDARS)
    if routing is not None and teams is not None and calendars is not None:
        for fault in checking.findings(routing):
            faults.add(ROUTING, fault.path, fault.message)
        for file, fault in covering.findings(routing, teams, calendars, now):
            faults.add(file, fault.path, fault.message)
    return sorted(set(faults.found))
