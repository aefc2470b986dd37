"""The long forms, run by ``make reliability``; docs/reliability.md has what they gave.

Each is judged by the checker as the short ones are and adds its figures to the run's summary.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil
import pytest

from schemas.topics import PARTITIONS
from services.runtime.embedded.kafka import EmbeddedKafka
from tests.support import used
from tests.support.checker import Report, check
from tests.support.pipeline import Member, Pipeline, member, running
from tests.support.storms import (
    die_before_the_answer,
    die_in_flight,
    kill_in_turn,
    outage,
    replay_from_zero,
    stream,
)
from tests.support.traffic import API, WEBSITE, ask, padded, traffic
from tests.support.waiting import eventually, wait_until
from tests.support.world import World, world

pytestmark = [pytest.mark.real_kafka, pytest.mark.long, pytest.mark.timeout(1200)]

ANSWER_S = 2.5
_AWAY_S = 8.0


@dataclass(slots=True)
class Book:
    """One line of the summary."""

    name: str
    began: float = field(default_factory=time.monotonic)

    def write(self, report: Report, what: str) -> None:
        spent = time.monotonic() - self.began
        used.note(f"long: {self.name}", f"{what}; {report}; {spent:.0f} s")


@pytest.fixture
def book(request: pytest.FixtureRequest) -> Book:
    return Book(request.node.name.removeprefix("test_"))


async def test_2000_leads_while_services_are_killed_in_turn(
    pipeline: Pipeline, run: str, book: Book
) -> None:
    async with world(pipeline) as outside:
        report = await kill_in_turn(outside, run, leads=2000, kills=24, per_second=10)
        turns = await pipeline.rows(
            "select sum(count), sum(entitlement), max(abs(deviation)) from routing.fairness"
        )
    assert report.accepted == 2000
    assert turns[0][0] == pytest.approx(float(turns[0][1]))
    unanswered = sum(answer.status is None for answer in outside.answers)
    book.write(report, f"24 kills, {unanswered} requests without an answer, sent again")


async def test_members_come_and_go_all_the_time(pipeline: Pipeline, run: str, book: Book) -> None:
    """Every few seconds one more member joins each stage, or one leaves, dies or freezes."""
    dice, done = random.Random(7), Counter[str]()
    async with world(pipeline) as outside:
        with ExitStack() as everybody:
            async with stream(outside, run, 1200, per_second=10) as flow:
                for turn in range(12):
                    await flow.until(80 * (turn + 1), 300)
                    stage = dice.choice(("enrichment", "scoring", "routing"))
                    before = await _group(pipeline, stage, bool)
                    extra = everybody.enter_context(await _member(pipeline, stage))
                    name = await _newcomer(pipeline, stage, before)
                    await flow.until(80 * (turn + 1) + 40, 300)
                    how = dice.choice(("leaves", "dies", "freezes"))
                    done[how] += 1
                    await _end(pipeline, extra, name, stage, how)
            report = await outside.settled(180)
    assert report.accepted == 1200
    book.write(report, ", ".join(f"{count} {how}" for how, count in sorted(done.items())))


async def _member(pipeline: Pipeline, stage: str) -> contextlib.AbstractContextManager[Member]:
    """Entered in a thread: its start takes seconds in which the traffic must go on."""
    made = member(pipeline, stage)
    extra = await asyncio.to_thread(made.__enter__)

    @contextlib.contextmanager
    def entered() -> Iterator[Member]:
        try:
            yield extra
        finally:
            made.__exit__(None, None, None)

    return entered()


async def _end(pipeline: Pipeline, extra: Member, name: str, stage: str, how: str) -> None:
    """``name``: what the group calls the member."""
    match how:
        case "leaves":
            assert await asyncio.to_thread(extra.leave) == 0
        case "dies":
            extra.kill()
        case _:
            extra.freeze()
            without = await _group(pipeline, stage, lambda names: name not in names)
            extra.thaw()
            await _newcomer(pipeline, stage, without)
            extra.kill()


async def _newcomer(pipeline: Pipeline, stage: str, before: set[str]) -> str:
    """What the group calls the member that has joined since."""
    (name,) = await _group(pipeline, stage, lambda names: bool(names - before)) - before
    return name


async def _group(pipeline: Pipeline, stage: str, wanted: Callable[[set[str]], bool]) -> set[str]:
    """The members of a stable group, once they are as ``wanted``."""

    async def members() -> set[str]:
        names = set(await asyncio.to_thread(pipeline.members, stage))
        return names if names and wanted(names) else set()

    found: set[str] = await eventually(members, 90, pause=0.5)
    return found


@pytest.mark.parametrize(
    ("how", "seconds"), [("killed", 5), ("stopped", 8), ("stopped", 30), ("killed", 30)]
)
async def test_the_broker_is_away(
    tmp_path: Path,
    own_kafka: Callable[..., EmbeddedKafka],
    run: str,
    book: Book,
    how: str,
    seconds: int,
) -> None:
    """As long as said, at an address of its own, so that nobody brings it back sooner."""
    kafka = own_kafka()

    def take_down() -> None:
        kafka.kill() if how == "killed" else kafka.stop()

    def bring_back() -> None:
        away = time.monotonic()
        wait_until(lambda: time.monotonic() - away > seconds, seconds + 5)
        kafka.start()

    with running(tmp_path / "data", "--kafka", kafka.address) as started:
        async with world(started) as outside:
            seen = await outage(outside, list(traffic(run, 3000)), take_down, bring_back)
    assert seen.counts().keys() <= {"200", "503"}, seen.counts()
    assert seen.slowest_s < ANSWER_S
    what = f"answers {seen.counts()}, slowest {seen.slowest_s:.2f} s"
    book.write(seen.report, what)


@pytest.mark.parametrize("broker_too", [False, True], ids=["postgres", "postgres and kafka"])
async def test_the_database_is_killed(
    pipeline: Pipeline, run: str, book: Book, broker_too: bool
) -> None:
    """Capture goes on by way of Kafka; with both away it says 503 at once."""
    parts = ["postgres", *(["kafka"] if broker_too else [])]
    said = {part: pipeline.up.said.count(f"{part} is back") for part in parts}

    supervisor = psutil.Process(pipeline.up.process.pid)

    def take_down() -> None:
        victims = [pipeline.postmaster(), *([pipeline.broker()] if broker_too else [])]
        supervisor.suspend()  # or it would have them back within a second
        for victim in victims:
            victim.kill()

    def bring_back() -> None:
        away = time.monotonic()
        try:
            wait_until(lambda: time.monotonic() - away > _AWAY_S, _AWAY_S + 5)
        finally:
            supervisor.resume()
        wait_until(
            lambda: all(pipeline.up.said.count(f"{p} is back") > said[p] for p in parts), 120
        )

    async with world(pipeline) as outside:
        seen = await outage(outside, list(traffic(run, 2000)), take_down, bring_back)
    counts = seen.counts()
    assert counts.keys() <= ({"200", "503"} if broker_too else {"200"}), counts
    assert seen.slowest_s < ANSWER_S
    book.write(seen.report, f"answers {counts}, slowest {seen.slowest_s:.2f} s")


async def test_capture_dies_before_its_answer_many_times(
    pipeline: Pipeline, run: str, book: Book
) -> None:
    unanswered = 0
    async with world(pipeline) as outside:
        for number in range(15):
            source, person = (API, WEBSITE)[number % 2], f"kim@crash{number}-{run}.example"
            request = padded(ask(run, number, person, source))
            with await _member(pipeline, "capture") as extra:
                answer = await die_before_the_answer(outside, extra, request)
            unanswered += answer.status is None
            assert (await outside.deliver(request)).status == 200
        for number in range(5):
            requests = list(traffic(f"{run}-{number}", 240))
            with await _member(pipeline, "capture") as extra:
                answers = await die_in_flight(outside, extra, requests)
            unanswered += sum(answer.status is None for answer in answers)
            await asyncio.gather(*(outside.deliver(request) for request in requests))
        report = await outside.settled(180)
    assert report.accepted == 15 + 5 * 240
    book.write(report, f"20 kills, {unanswered} requests without an answer, sent again")


async def test_up_is_killed_again_and_again(tmp_path: Path, run: str, book: Book) -> None:
    """On Apache Kafka: both the log and the database are found as they were."""
    data, accepted = tmp_path / "data", set[str]()
    for round_ in range(5):
        with running(data, "--kafka", "apache") as started:
            async with world(started) as outside:
                await outside.settled(180)  # what the round before has left
                assert accepted <= (await outside.history()).ends.keys()
                family = [*started.up.family(), psutil.Process(started.up.process.pid)]
                requests = traffic(f"{run}-{round_}", 200)
                attempts = [asyncio.create_task(outside.attempt(one)) for one in requests]
                await eventually(lambda: len(outside.accepted) >= 100, 60)
                started.up.process.send_signal(signal.SIGKILL)
                await asyncio.gather(*attempts)
                accepted |= outside.accepted
            assert psutil.wait_procs(family, timeout=60)[1] == []
    with running(data, "--kafka", "apache") as started:
        async with world(started) as outside:
            await outside.settled(180)
            history = await outside.history()
    report = check(replace(history, accepted=frozenset(accepted)))
    assert not report.faults
    book.write(report, f"5 kills, {len(history.submissions)} submissions were durable")


async def test_everything_once_more_from_zero(pipeline: Pipeline, run: str, book: Book) -> None:
    """All stages, with all that the runs before have left on the topics."""
    stems = {
        "capture": "submissions", "enrichment": "leads.captured", "scoring": "leads.enriched",
        "routing": "leads.scored",
    }  # fmt: skip
    groups = {
        f"{name}{lane}": (f"{stem}{lane}.v1", PARTITIONS)
        for name, stem in stems.items()
        for lane in ("", ".bulk")
    }
    async with world(pipeline) as outside:
        async with stream(outside, run, 200, per_second=25):
            pass
        await outside.settled()
        before = await _decided(outside)
        await replay_from_zero(pipeline, list(stems), groups)
        report = await outside.settled(300)
        assert await _decided(outside) == before
    book.write(report, f"{before[1]} decisions, none new")


async def _decided(outside: World) -> tuple[object, ...]:
    rows = await outside.pipeline.rows("select count(*) from routing.history")
    return frozenset(await outside.pipeline.active()), rows[0][0]
