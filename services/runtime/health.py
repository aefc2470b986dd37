"""Alive and ready.

Alive: the event loop answers. Ready: everything that this process needs works. While
infrastructure is away a process is alive and not ready, and says what it waits for: restarting it
would not bring the broker back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Check = Callable[[], Awaitable[str | None]]
"""Answers None when all is well, else what is missing, in one sentence."""

_CHECK_SECONDS: Final = 1.0
_DEPENDENCIES: Final = ("postgres", "kafka")


def every(reasons: Mapping[str, str]) -> Mapping[str, str]:
    """Whatever does not work keeps the process from its work."""
    return reasons


def one_store_suffices(reasons: Mapping[str, str]) -> Mapping[str, str]:
    """What keeps a process from its work that makes things durable in Kafka or else in Postgres."""
    return reasons if set(_DEPENDENCIES) <= set(waiting_for(reasons)) else {}


@dataclass(slots=True)
class Health:
    """What a process needs in order to work."""

    service: str
    checks: dict[str, Check] = field(default_factory=dict)
    starting: str | None = "starting"
    """Why no request is taken yet; None once the process has started."""
    draining: bool = False
    needs: Callable[[Mapping[str, str]], Mapping[str, str]] = every
    """Which part of the failed checks, by name, makes the process not ready."""

    def add(self, name: str, check: Check) -> None:
        """Make readiness depend on ``check``. ``name``: what is waited for when it fails."""
        self.checks[name] = check

    async def reasons(self) -> dict[str, str]:
        """What is not working, by name; empty when ready. Bounded to a second."""
        if self.draining:
            return {"draining": "the process is on its way out"}
        if self.starting is not None:
            return {"starting": self.starting}
        names = list(self.checks)
        answers = await asyncio.gather(*(self._ask(name) for name in names))
        failed = {name: answer for name, answer in zip(names, answers, strict=True) if answer}
        return dict(self.needs(failed))

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Whether the process is ready, and the body that says so."""
        reasons = await self.reasons()
        body: dict[str, Any] = {
            "status": "waiting" if reasons else "ready",
            "service": self.service,
        }
        if reasons:
            body |= {"waiting_for": waiting_for(reasons), "reasons": reasons}
        return not reasons, body

    async def _ask(self, name: str) -> str | None:
        try:
            return await asyncio.wait_for(self.checks[name](), _CHECK_SECONDS)
        except TimeoutError:
            return f"no answer within {_CHECK_SECONDS:.0f} s"
        except Exception as error:
            return type(error).__name__


def waiting_for(reasons: Mapping[str, str]) -> list[str]:
    """``postgres`` and ``kafka`` where they are what is missing, else the names of the checks."""
    named = {
        next((d for d in _DEPENDENCIES if d in f"{name} {reason}".lower()), name)
        for name, reason in reasons.items()
    }
    return sorted(named)
