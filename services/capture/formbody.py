"""Bodies of web forms, in whichever of the three ways a browser or a tool writes them.

JSON, ``application/x-www-form-urlencoded`` and ``multipart/form-data`` all become one flat mapping
from a dotted path to a value. What a body is shows in its first bytes: senders get the content type
wrong more often than the form, so the header is asked last.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from services.capture.wire import MAX_DEPTH, MAX_MEMBERS, Unparsable, parse_object, text_of

URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"
_MULTIPART = "multipart/form-data"
_FIRST_BOUNDARY = re.compile(rb"--([0-9A-Za-z'()+_,./:=?-]{1,70})\r\n")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
# Begins where a word begins: tried at each letter of a long word, it would take its square in time.
_EMAIL = re.compile(r"(?<![^\s@<>,;:\"'])[^\s@<>,;:\"']+@[^\s@<>,;:\"']+\.[^\s@<>,;:\"'.]{2,}")


def values_of(body: bytes, content_type: str = "") -> dict[str, Any]:
    """Every answer of a body by its dotted path, in the body's order.

    :raises Unparsable: the bytes are none of the three.
    """
    if is_json(body):
        return flat(parse_object(body))
    texts = form_texts(body, content_type)
    return flat({name: _inner(text) for name, text in texts.items()})


def form_texts(body: bytes, content_type: str = "") -> dict[str, str]:
    """The text fields of a form-encoded or multipart body; of a file only its name.

    ``a[b]`` becomes ``a.b``; answers of the same name are joined by a comma.

    :raises Unparsable: the body is neither.
    """
    boundary = _boundary(body, content_type)
    pairs = _urlencoded(body) if boundary is None else _multipart(body, boundary)
    found: dict[str, list[str]] = {}
    for name, raw in pairs:
        text = _text(raw)
        known = found.setdefault(_path(_text(name)), [])
        if text not in known:
            known.append(text)
    return {name: ", ".join(texts) for name, texts in found.items()}


def content_type_of(body: bytes) -> str:
    """The header that a sender of this body would write."""
    if is_json(body):
        return JSON
    match = _FIRST_BOUNDARY.match(body)
    if match is None:
        return URLENCODED
    return f'{_MULTIPART}; boundary="{match.group(1).decode()}"'


def is_json(body: bytes) -> bool:
    """Whether the body begins as a JSON object or list does."""
    return body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def flat(value: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted path -> scalar; where two paths are spelled the same, the first counts."""
    found: dict[str, Any] = {}
    for path, scalar in _walk(value, "", 0):
        found.setdefault(path, scalar)
    return found


def only_email(values: Iterable[Any]) -> str | None:
    """The one e-mail address that the texts hold; None for none and for several."""
    texts = (value for value in values if isinstance(value, str))
    found = {address.lower(): address for text in texts for address in _EMAIL.findall(text)}
    return next(iter(found.values())) if len(found) == 1 else None


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > MAX_DEPTH:
        raise Unparsable(f"nested deeper than {MAX_DEPTH}")
    match value:
        case dict():
            for name, member in value.items():
                yield from _walk(member, f"{path}.{name}" if path else name, depth + 1)
        case list() if any(isinstance(member, dict | list) for member in value):
            for number, member in enumerate(value):
                yield from _walk(member, f"{path}.{number}", depth + 1)
        case [single]:
            yield from _walk(single, path, depth + 1)
        case list():
            yield path, ", ".join(text_of(member) for member in value)
        case bool() | str() | None:
            yield path, value
        case _:
            # Telephone numbers and ids often come as JSON numbers.
            yield path, text_of(value)


def _inner(text: str) -> Any:
    """A form field that holds an object in JSON is that object; any other is its text."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return parse_object(text.encode())
    except Unparsable:
        return text


def _path(name: str) -> str:
    return _BRACKETS.sub(lambda inside: f".{inside.group(1)}" if inside.group(1) else "", name)


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Unparsable("not UTF-8") from None
    if "\0" in text:
        raise Unparsable("a text holds NUL")
    return text


def _boundary(body: bytes, content_type: str) -> bytes | None:
    if first := _FIRST_BOUNDARY.match(body):
        return first.group(1)
    kind, options = parse_options_header(content_type)
    return options.get(b"boundary") if kind == _MULTIPART.encode() else None


def _urlencoded(body: bytes) -> list[tuple[bytes, bytes]]:
    # As text: of bytes `parse_qsl` takes nothing but ASCII, behind the escapes too.
    try:
        text = body.decode().strip()
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_MEMBERS, errors="strict")
    except UnicodeDecodeError:
        raise Unparsable("not UTF-8") from None
    except ValueError:
        raise Unparsable(f"more than {MAX_MEMBERS} members") from None
    return [(name.encode(), value.encode()) for name, value in pairs]


def _multipart(body: bytes, boundary: bytes) -> list[tuple[bytes, bytes]]:
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())
        parser.write(body)
        parser.finalize()
    except (FormParserError, ValueError):
        raise Unparsable("not multipart/form-data") from None
    if not parts.ended:
        raise Unparsable("the multipart body ends too early")
    return parts.found


class _Parts:
    """Collects what the parser reports."""

    def __init__(self) -> None:
        self.found: list[tuple[bytes, bytes]] = []
        self.ended = False
        self._disposition = b""
        self._name = b""
        self._value = b""
        self._data: list[bytes] = []

    def callbacks(self) -> Any:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_part_data": self._part_data,
            "on_part_end": self._end,
            "on_end": self._close,
        }

    def _begin(self) -> None:
        if len(self.found) >= MAX_MEMBERS:
            raise Unparsable(f"more than {MAX_MEMBERS} members")
        self._disposition, self._name, self._value, self._data = b"", b"", b"", []

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name, self._value = b"", b""

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _end(self) -> None:
        _, options = parse_options_header(self._disposition)
        name = options.get(b"name")
        if name:
            # A file's bytes are nothing that a lead is made of.
            self.found.append((name, options.get(b"filename") or b"".join(self._data)))

    def _close(self) -> None:
        self.ended = True
