"""Valid deliveries, made wrong: their bytes, their structure, their headers."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

from tests.fuzz.nasty import BYTES, CODES, HEADERS, VALUES

T = TypeVar("T")


class Dice(Protocol):
    """Where choices come from: a seed, or hypothesis, which then shrinks them."""

    def upto(self, most: int) -> int:
        """From 0 to ``most``."""

    def one(self, of: Sequence[T]) -> T: ...

    def text(self) -> str: ...


class SeededDice:
    """Choices of a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def upto(self, most: int) -> int:
        return self._random.randint(0, most)

    def one(self, of: Sequence[T]) -> T:
        return self._random.choice(of)

    def text(self) -> str:
        count = self._random.randint(0, 12)
        return "".join(chr(self._random.choice(CODES)) for _ in range(count))


class DrawnDice:
    """Choices of hypothesis."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def upto(self, most: int) -> int:
        return int(self._data.draw(st.integers(0, most)))

    def one(self, of: Sequence[T]) -> T:
        return of[self.upto(len(of) - 1)]

    def text(self) -> str:
        return str(self._data.draw(st.text(max_size=12)))


@dataclass(frozen=True, slots=True)
class Shot:
    """One request before it is signed, and what is done to it afterwards."""

    body: bytes
    headers: dict[str, str]
    query: dict[str, str]
    after: dict[str, str]
    """Headers put in place of what signing made."""
    tail: bytes = b""
    """Bytes behind those that were signed."""


def mutate(body: bytes, headers: dict[str, str], dice: Dice) -> Shot:
    """One to three changes of a valid delivery; rarely none."""
    shot = Shot(body, dict(headers), {}, {})
    for _ in range(dice.upto(3)):
        shot = dice.one(_KINDS)(shot, dice)
    return shot


def _structure(shot: Shot, dice: Dice) -> Shot:
    """Another value, or none, at some place of the document."""
    try:
        document = json.loads(shot.body)
    except (ValueError, RecursionError):
        return _bytes(shot, dice)
    places = _places(document)
    place = dice.one(places)
    changed = _put(document, place, _REMOVED if dice.upto(4) == 0 else _value(dice))
    return replace(shot, body=_dump(changed))


def _twice(shot: Shot, dice: Dice) -> Shot:
    """A member that is named twice, with another value."""
    at = shot.body.find(b"{") + 1
    if at == 0:
        return _bytes(shot, dice)
    names = [part for part in shot.body.split(b'"')[1::2] if 0 < len(part) < 60] or [b"a"]
    member = b'"' + dice.one(names) + b'":' + _dump(_value(dice)) + b","
    return replace(shot, body=shot.body[:at] + member + shot.body[at:])


def _bytes(shot: Shot, dice: Dice) -> Shot:
    """Bytes put in, cut out, repeated or turned."""
    body, at = shot.body, dice.upto(len(shot.body))
    to = min(len(body), at + dice.upto(40))
    match dice.upto(4):
        case 0:
            body = body[:at] + dice.one(BYTES) + body[at:]
        case 1:
            body = body[:at] + body[to:]
        case 2:
            body = body[:to] + body[at:to] * dice.upto(50) + body[to:]
        case 3:
            body = body[:at] + bytes([dice.upto(255)]) + body[at + 1 :]
        case _:
            body = body[:at]
    return replace(shot, body=body)


def _encoded(shot: Shot, dice: Dice) -> Shot:
    """Compressed, or in another encoding."""
    encode: tuple[Callable[[bytes], bytes], ...] = (
        gzip.compress,
        zlib.compress,
        lambda body: body.decode("utf-8", "replace").encode("utf-16"),
        lambda body: body.decode("utf-8", "replace").encode("latin-1", "replace"),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda _: b"",
        lambda _: gzip.compress(b"[" * 1_000_000),
    )
    return replace(shot, body=dice.one(encode)(shot.body))


def _header(shot: Shot, dice: Dice) -> Shot:
    name, value = dice.one(HEADERS)
    if dice.upto(1):
        return replace(shot, headers=shot.headers | {name: value})
    return replace(shot, after=shot.after | {name: value})


def _proof(shot: Shot, dice: Dice) -> Shot:
    """What was signed is not what is sent, or the proof is noise (the name is chosen when sent)."""
    match dice.upto(2):
        case 0:
            return replace(shot, tail=dice.one(BYTES))
        case 1:
            return replace(shot, after=shot.after | {"*": dice.text()})
        case _:
            return replace(shot, query={dice.one(("token", "hub.challenge", "challengeCode")): "x"})


_KINDS = (_structure, _structure, _structure, _twice, _bytes, _bytes, _encoded, _header, _proof)


class _Removed:
    pass


_REMOVED = _Removed()


def _value(dice: Dice) -> Any:
    match dice.upto(9):
        case 0:
            return dice.text()
        case 1:
            return [dice.one(VALUES), {dice.text(): dice.one(VALUES)}]
        case 2:
            value: Any = dice.one(VALUES)
            for _ in range(dice.one((5, 31, 33, 200))):
                value = [value] if dice.upto(1) else {"a": value}
            return value
        case _:
            return dice.one(VALUES)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    left = [(value, path)]
    while left and len(found) < 500:
        value, path = left.pop()
        found.append(path)
        match value:
            case dict():
                left += [(member, (*path, name)) for name, member in value.items()]
            case list():
                left += [(member, (*path, number)) for number, member in enumerate(value)]
    return found


def _put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return None if new is _REMOVED else new
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    if new is _REMOVED:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    return value


def _dump(value: Any) -> bytes:
    """JSON, with escapes where there is half a surrogate pair."""
    try:
        return json.dumps(value).encode()
    except (RecursionError, ValueError):
        return b"[" * 3_000
