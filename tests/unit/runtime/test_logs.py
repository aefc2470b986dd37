"""No line of the log can hold a person."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from services.runtime import logs

CANARIES = ("canary.person@example.com", "+47 912 34 567", "Kanary", "hunter2")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("json", "info", service="capture", stream=stream)
    yield stream
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def leak_everywhere() -> None:
    """Every way in which a careless line could hold personal data."""
    email, phone, name, password = CANARIES
    log = structlog.get_logger("canary")
    log.info("batch", email=email, phone=phone, lead={"first_name": name}, dsn=password)
    log.warning("refused", reason=f"cannot reach {email} at {phone}", row={"name": name})
    log.info(f"hello {email}", **{email: 1})
    try:
        try:
            raise ValueError(f"no such person: {name} {email}")
        except ValueError as error:
            raise KeyError(password) from error
    except KeyError as error:
        log.exception("failed")
        log.error("failed", error=error, lead=error)
        logging.getLogger("some.library").exception("while handling %s", name)
        logging.getLogger("aiokafka.client").error("lost %s", email, exc_info=True)
    logging.getLogger("some.library").warning(f"body was {name}")


def test_canary(written: io.StringIO) -> None:
    leak_everywhere()
    assert len(lines(written)) == 8
    for canary in CANARIES:
        assert canary not in written.getvalue()


def test_what_was_dropped_is_named(written: io.StringIO) -> None:
    structlog.get_logger("x").info("batch", records=3, stage="routing", company="Acme")
    (line,) = lines(written)
    assert (line["event"], line["records"], line["stage"]) == ("batch", 3, "routing")
    assert line["service"] == "capture"
    assert line["dropped"] == ["company"]


def test_an_exception_is_its_class_and_its_place(written: io.StringIO) -> None:
    try:
        try:
            int("x")
        except ValueError as error:
            raise LookupError("y") from error
    except LookupError:
        structlog.get_logger("x").exception("failed")
    (line,) = lines(written)
    assert line["error"] == "LookupError"
    assert line["cause"] == "ValueError"
    assert str(line["at"]).startswith("tests/unit/runtime/test_logs.py:")


def test_the_libraries_that_hold_no_records_stay_readable(written: io.StringIO) -> None:
    logging.getLogger("aiokafka.conn").error("Unable to connect to %s", "127.0.0.1:9092")
    (line,) = lines(written)
    assert line["event"] == "Unable to connect to 127.0.0.1:9092"


def test_a_long_value_is_cut(written: io.StringIO) -> None:
    structlog.get_logger("x").info("e", reason="x" * 10_000)
    assert len(written.getvalue()) < 600
