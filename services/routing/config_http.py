"""``/v1/config``: the register of configuration versions, for whoever does not sit at a shell.

A set that one service cannot use must not become active, and no service reads the files of another
one: whether a set is good is asked of a process of the command, which reads them all.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, cast

import asyncpg
from fastapi import APIRouter, Depends
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.kernel.asked import Files, Name
from services.kernel.texts import Storable
from services.routing.review.asked import Check, Tests
from services.runtime.apart import Apart, not_usable
from services.runtime.apikeys import Principal, Scope
from services.runtime.configfile import Fault
from services.runtime.configstore import (
    ConfigStore,
    NoConfiguration,
    Overtaken,
    differences,
    version_of,
)
from services.runtime.http import Problem, json_only, require

Admin = Annotated[Principal, Depends(require(Scope.REPS_ADMIN))]
Reader = Annotated[Principal, Depends(require(Scope.DECISIONS_READ))]
ACTIVE = "active"
"""In place of a version: the one that decides now."""
_store = ConfigStore()
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    404: {"description": "there is no such version"},
    409: {"description": "another version is active by now"},
    413: {"description": "the body is too large"},
    422: {"description": "some service cannot use the files; names file, line and path of each"},
    503: {"description": "too many computations wait, or this one took too long"},
}


class Publish(BaseModel):
    """Files that take the place of the active version's, who says so, and why."""

    model_config = ConfigDict(extra="forbid")

    files: Annotated[Files, Field(min_length=1)]
    note: Annotated[str, Field(max_length=500), Storable] = ""
    author: Annotated[str, Field(max_length=64), Storable] = ""
    """A person; the key's name is added."""
    effective_at: AwareDatetime | None = None
    """Become active then; at once where it is past."""
    expected: Name | None = None
    """Nothing is published where another version is active by now."""


class Rollback(BaseModel):
    """Which version, and why."""

    model_config = ConfigDict(extra="forbid")

    version: Name
    reason: Annotated[str, Field(max_length=500), Storable] = ""


def router(pool: asyncpg.Pool, apart: Apart) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/config", tags=["configuration"], responses=_PROBLEMS)
    _reading(routes, pool)
    _judging(routes, apart)
    _publishing(routes, pool, apart)
    _changing(routes, pool, apart)
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


def _judging(routes: APIRouter, apart: Apart) -> None:
    """What is said of a set of files; nothing is stored."""

    @routes.post("/check", dependencies=[Depends(json_only)])
    async def check(asked: Check, _: Reader) -> Any:
        """What every service finds in these files, put in place of the version's (else the active
        one's): faults, which keep it from being published, and what has no effect."""
        return await apart.run("check", asked.model_dump())

    @routes.post("/test", dependencies=[Depends(json_only)])
    async def test(asked: Tests, _: Reader) -> Any:
        """Whether the configuration does what examples say, and which rules none of them reaches.

        ``ok`` is false where an example fails, or fewer rules are reached than were asked for.
        """
        return await apart.run("test", asked.model_dump())


def _publishing(routes: APIRouter, pool: asyncpg.Pool, apart: Apart) -> None:
    @routes.post("/versions", dependencies=[Depends(json_only)])
    async def publish(asked: Publish, by: Admin) -> dict[str, Any]:
        """Make the active version with these files in place of its own active, now or later.

        422 names every fault with its file, line and path, and the version before stays.
        """
        base = await _version(pool, ACTIVE)
        if asked.expected not in (None, base):
            raise _overtaken(str(asked.expected), base)
        before = await _files(pool, base)
        files = {name: text for name, text in {**before, **asked.files}.items() if text is not None}
        findings = await _checked(apart, {"version": base, "files": asked.files})
        author = f"{asked.author} ({by.name})" if asked.author else by.name
        at = asked.effective_at
        later = at if at is not None and at > datetime.now(UTC) else None
        async with pool.acquire() as proxy:
            connection = cast(asyncpg.Connection, proxy)
            if later is not None:
                version = await _store.schedule(connection, files, author, asked.note, later)
            else:
                try:
                    version = await _store.publish(
                        connection, files, author, asked.note, expected=base
                    )
                except Overtaken as other:
                    raise _overtaken(base, other.active) from None
        return {
            "version": version, "before": base, "changed": later is None and version != base,
            "active": later is None, "effective_at": later, "findings": findings,
        }  # fmt: skip


def _changing(routes: APIRouter, pool: asyncpg.Pool, apart: Apart) -> None:
    @routes.post("/rollback", dependencies=[Depends(json_only)])
    async def rollback(asked: Rollback, by: Admin) -> dict[str, Any]:
        """Make an earlier version active again; decided with within a second."""
        files = await _files(pool, asked.version)
        await _checked(apart, {"version": version_of(files)})
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


async def _version(pool: asyncpg.Pool, version: str) -> str:
    return version_of(await _files(pool, version))


async def _checked(apart: Apart, request: dict[str, Any]) -> list[dict[str, Any]]:
    """What of a good set has no effect.

    :raises Problem: 422 with every fault, where some service cannot use it.
    """
    told = await apart.run("check", request)
    if faults := told["faults"]:
        raise Problem(**not_usable([Fault(**one) for one in faults]))
    findings: list[dict[str, Any]] = told["findings"]
    return findings


def _overtaken(expected: str, active: str) -> Problem:
    detail = f"Version {active} is active by now, not {expected}: compare and ask again."
    return Problem(409, "Overtaken", detail, active=active)
