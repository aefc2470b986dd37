"""What must hold between the parts of ``teams.yaml``, and between it and ``calendars.yaml``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from services.kernel.calendars import Calendars
from services.kernel.faults import Fault, did_you_mean

if TYPE_CHECKING:
    from services.kernel.people.model import Pool, Rep, Teams


def team_faults(teams: Teams) -> list[Fault]:
    """Everything that is wrong within the file."""
    return [
        *_repeated(teams),
        *_colleagues(teams),
        *_members(teams),
        *_needs(teams),
        *_overflows(teams),
        *_offers(teams),
    ]


def calendar_faults(teams: Teams, calendars: Calendars) -> list[Fault]:
    """Reps and pools whose calendar does not exist; the paths are those of ``teams.yaml``."""
    known = tuple(calendars)
    named: list[tuple[tuple[str | int, ...], str]] = [
        (("reps", at, "calendar"), rep.calendar) for at, rep in enumerate(teams.reps)
    ]
    named += (
        (("pools", at, "cover", "calendar"), pool.cover.calendar)
        for at, pool in enumerate(teams.pools)
        if pool.cover is not None
    )
    return [
        Fault(path, f"unknown calendar {name}{did_you_mean(name, known)}")
        for path, name in named
        if name not in calendars
    ]


def _repeated(teams: Teams) -> Iterator[Fault]:
    kinds: tuple[tuple[str, tuple[Rep | Pool, ...]], ...] = (
        ("reps", teams.reps),
        ("pools", teams.pools),
    )
    for kind, entries in kinds:
        seen: set[str] = set()
        for at, entry in enumerate(entries):
            if entry.id in seen:
                yield Fault((kind, at, "id"), f"{entry.id} is there twice")
            seen.add(entry.id)


def _members(teams: Teams) -> Iterator[Fault]:
    reps = {rep.id: rep for rep in teams.reps}
    for at, pool in enumerate(teams.pools):
        seen: set[str] = set()
        for place, member in enumerate(pool.members):
            where = ("pools", at, "members", place)
            rep = reps.get(member.rep)
            if rep is None:
                hint = did_you_mean(member.rep, tuple(reps))
                yield Fault(where, f"unknown rep {member.rep}{hint}")
            elif member.rep in seen:
                yield Fault(where, f"{member.rep} is in this pool twice; raise the weight instead")
            elif rep.role is not pool.role:
                yield Fault(where, f"{rep.id} is an {rep.role}, the pool is for the {pool.role}")
            seen.add(member.rep)
        if not any(reps[name].active for name in seen if name in reps):
            yield Fault(("pools", at, "members"), "nobody in this pool is active")


def _colleagues(teams: Teams) -> Iterator[Fault]:
    """Who stands in and who manages must be there, and be somebody else."""
    known = tuple(rep.id for rep in teams.reps)
    for at, rep in enumerate(teams.reps):
        named: list[tuple[tuple[str | int, ...], str | None]] = [
            (("backup",), rep.backup),
            (("manager",), rep.manager),
            *((("leave", place, "backup"), one.backup) for place, one in enumerate(rep.leave)),
        ]
        for path, name in named:
            where = ("reps", at, *path)
            if name is not None and name not in known:
                yield Fault(where, f"unknown rep {name}{did_you_mean(name, known)}")
            elif name == rep.id:
                yield Fault(where, f"{name} is the same person")


def _needs(teams: Teams) -> Iterator[Fault]:
    """What a pool insists on somebody of it must have."""
    reps = {rep.id: rep for rep in teams.reps}
    for at, pool in enumerate(teams.pools):
        members = [reps[one.rep] for one in pool.members if one.rep in reps]
        for place, need in enumerate(pool.needs):
            languages, skills = set(need.languages), set(need.skills)
            if not any(
                languages <= set(rep.languages) and skills <= set(rep.skills) for rep in members
            ):
                wanted = ", ".join((*need.languages, *need.skills))
                yield Fault(("pools", at, "needs", place), f"nobody in this pool has {wanted}")


def _overflows(teams: Teams) -> Iterator[Fault]:
    pools = {pool.id: pool for pool in teams.pools}
    for at, pool in enumerate(teams.pools):
        where = ("pools", at, "overflow")
        if pool.overflow is None:
            if pool.nobody_free == "overflow":
                yield Fault(("pools", at, "nobody_free"), "overflow to which pool?")
        elif pool.overflow not in pools:
            hint = did_you_mean(pool.overflow, tuple(pools))
            yield Fault(where, f"unknown pool {pool.overflow}{hint}")
        elif pools[pool.overflow].role is not pool.role:
            yield Fault(where, f"{pool.overflow} is for another role")
        elif _circles(pool, pools):
            yield Fault(where, "the overflow leads back to this pool")


def _offers(teams: Teams) -> Iterator[Fault]:
    """Who waits for a claim must not have waited too long by then."""
    for at, pool in enumerate(teams.pools):
        if pool.pull is None:
            continue
        for tier in sorted(pool.pull.tiers):
            most = pool.max_hold.of(tier)
            if pool.pull.within >= most:
                message = f"{tier} leads are held for at most {most}, and offered for longer"
                yield Fault(("pools", at, "pull", "within"), message)


def _circles(pool: Pool, pools: dict[str, Pool]) -> bool:
    step = pool.overflow
    for _ in pools:
        if step is None or step not in pools:
            return False
        if step == pool.id:
            return True
        step = pools[step].overflow
    return False
