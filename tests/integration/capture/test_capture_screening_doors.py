"""Screening on real parts: what the sender hears, what is kept, when the DNS counts."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from schemas import topics
from schemas.base import Lane
from services.capture.signs import NETWORK_HEADER
from tests.integration.capture.nameserver import nameserver
from tests.integration.capture.running import CONFIG, Capture, Outside, capture, outside
from tests.support.kafka import Broker
from tests.support.waiting import eventually

KEYS = count()


def folder(tmp: Path, resolver: str | None = None) -> Path:
    """The shipped configuration, with ``api`` taking posts of browsers."""
    for file in CONFIG.glob("*.yaml"):
        (tmp / file.name).write_text(file.read_text())
    sources = (tmp / "sources.yaml").read_text()
    asked = f"\n  resolver: {resolver}" if resolver else ""
    nobody = "  competitor_domains: []"
    assert nobody in sources
    sources = sources.replace(nobody, f"  competitor_domains: [rival.example]{asked}")
    api = "sources:\n  api: {adapter: api, kind: newsletter, screening: {network: request}}\n"
    (tmp / "sources.yaml").write_text(sources.replace("\nsources:\n", f"\n{api}", 1))
    return tmp


async def end(it: Capture, bus: Outside, **lead: Any) -> dict[str, Any]:
    """What becomes of one submission."""
    answer = await it.lead(f"k{next(KEYS)}", **lead)
    assert answer.status_code == 200
    submission = answer.json()["submission_id"]
    await bus.until(lambda b: bool(b.about(submission)))
    (found,) = bus.about(submission)
    return found


async def test_the_sender_cannot_tell_the_difference(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    junk = {"fields": {"honeypot": "x"}, "message": "[url=http://a.ru]"}
    said: list[dict[str, Any]] = [
        {"email": "dana@northwind.com"},
        {"email": "dana@northwind.com", **junk},
        {"email": "a@rival.example"},
        {"email": "me@handraise.example"},
        {"email": "dana@northwind.com", "test": True},
    ]
    async with (
        capture(postgres_dsn, mock_kafka.settings, config=folder(tmp_path)) as it,
        outside(it.kafka) as bus,
    ):
        answers = [await it.lead(f"k{next(KEYS)}", **lead) for lead in said]
        shapes = {(a.status_code, *sorted(a.headers), *sorted(a.json())) for a in answers}
        assert len(shapes) == 1
        assert {a.json()["status"] for a in answers} == {"accepted"}
        ids = [a.json()["submission_id"] for a in answers]
        await bus.until(lambda b: all(b.about(one) for one in ids))
        ends = [bus.about(one)[0].get("reason") for one in ids]
        assert ends == [None, "honeypot", "competitor", "test", "test"]


async def test_the_network_is_kept_as_a_name_only_and_never_the_address(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with (
        capture(postgres_dsn, mock_kafka.settings, config=folder(tmp_path)) as it,
        outside(it.kafka) as bus,
    ):
        mine = {NETWORK_HEADER: "chosen by the sender", "x-forwarded-for": "203.0.113.9"}
        await it.lead(f"k{next(KEYS)}", headers=mine, email="a@b.com")
        await it.hook("website", b'{"type": "x", "timestamp": "x", "data": {"email": "a@b.com"}}')
        await bus.until(lambda b: len(b.on(topics.SUBMISSIONS)) == 2)
        kept = {one["source"]: one["headers"] for one in bus.on(topics.SUBMISSIONS)}
        assert len(kept["api"][NETWORK_HEADER]) == 16
        assert NETWORK_HEADER not in kept["website"]
        assert "127.0.0" not in str(kept)
        assert "203.0" not in str(kept)


async def test_a_domain_is_asked_about_beside_the_stage_and_counts_from_then_on(
    postgres_dsn: str, mock_kafka: Broker, tmp_path: Path
) -> None:
    async with nameserver() as (server, address):
        config = folder(tmp_path, address)
        async with (
            capture(postgres_dsn, mock_kafka.settings, config=config) as it,
            outside(it.kafka) as bus,
        ):
            async with (await it.ctx.pool(Lane.LIVE)).acquire() as conn:
                await conn.execute("truncate capture.mail_domains")
            lead = {"email": "a@no-such-name.com", "message": "[url=http://a.ru]"}
            first = await end(it, bus, **lead)
            assert "reason" not in first

            async def known() -> bool:
                return bool(await it.rows("select 1 from capture.mail_domains"))

            await eventually(known)
            second = await end(it, bus, **lead)
            assert second["reason"] == "link_spam"
            assert "missing_mx 60" in second["detail"]
            assert server.asked["no-such-name.com"] == 1
