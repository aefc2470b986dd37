"""What sort of page an address is: ``pricing``, ``docs`` … Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.kernel.faults import Fault

Part = Annotated[str, Field(min_length=1, max_length=200)]


class PageRule(BaseModel):
    """Pages of one sort: on one of ``hosts``, with a path that begins with one of ``paths`` or
    contains one of ``contains``; what is not named does not matter. Case does not matter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    hosts: tuple[Part, ...] = ()
    """Whole names: ``docs.example.com``."""
    paths: Annotated[tuple[Part, ...], Field(max_length=50)] = ()
    contains: Annotated[tuple[Part, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.hosts or self.paths or self.contains):
            raise ValueError("hosts, paths or contains must say which pages are meant")
        return self

    def fits(self, host: str, path: str) -> bool:
        """:param host: in lower case, as ``path`` is."""
        return (not self.hosts or host in {one.casefold() for one in self.hosts}) and (
            not (self.paths or self.contains)
            or path.startswith(tuple(one.casefold() for one in self.paths))
            or any(one.casefold() in path for one in self.contains)
        )


def page_kind(rules: Sequence[PageRule], url: str | None) -> str | None:
    """The kind of the first rule that fits; None where none does, or the address is none.

    :param url: with or without its host; query and fragment do not matter.
    """
    if not url or not rules:
        return None
    try:
        parts = urlsplit(url.strip().casefold())
        host, path = parts.hostname or "", parts.path or "/"
    except ValueError:
        return None
    return next((one.kind for one in rules if one.fits(host, path)), None)


def unreached(rules: Sequence[PageRule]) -> Iterator[Fault]:
    """A rule behind one that takes every page it could is never reached."""
    for at, rule in enumerate(rules):
        before = next((n for n, one in enumerate(rules[:at]) if _covers(one, rule)), None)
        if before is not None:
            text = f"never reached: pages.{before} takes all of these pages before"
            yield Fault(("pages", at), text)


def _covers(one: PageRule, other: PageRule) -> bool:
    """Whether one certainly takes all that the other could."""
    if one.hosts and not (other.hosts and set(other.hosts) <= set(one.hosts)):
        return False
    if not (one.paths or one.contains):
        return True
    if not (other.paths or other.contains):
        return False
    return all(path.startswith(one.paths) if one.paths else False for path in other.paths) and all(
        any(part in word for part in one.contains) for word in other.contains
    )
