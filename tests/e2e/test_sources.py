"""Each source's examples, sent to a running installation, end as their pages say."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from aiokafka import AIOKafkaConsumer

from services.capture import config
from services.cli import configfiles
from tests.e2e.source_ends import ASIDE, BATCHES, HAPPENED, PEOPLE, SIGNALS
from tests.support.commands import LONG
from tests.support.up import Up, handraise, in_process, up
from tests.support.vendors import (
    BASE,
    TOKEN,
    Vendors,
    contact,
    linkedin_response,
    meta_lead,
)
from tests.support.waiting import wait_until

EXAMPLES = Path("schemas/examples/sources")
NO_TOKEN = "hubspot_second"
"""A source of which nobody has told us the token."""
KILLED = "50509"
SOURCES = config.parse(
    {p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")}
).sources

# One person who comes back, by another form, is told to the same rep again.
STATUSES = {"assigned", "held", "nurtured", "re_engaged"}


@pytest.fixture(scope="module")
def vendors() -> Iterator[Vendors]:
    known = {
        "hubspot_app": dict(
            [
                contact("50501", email="greta@apollo.example", firstname="Greta",
                        lastname="Lind", company="Apollo Robotics"),
                contact("50502", email="jan@apollo.example"),
                contact("50503", email="nils@apollo.example"),
                contact(KILLED, email="kai@wideworld.example"),
            ]
        ),
        "meta_lead_ads": dict(
            [
                meta_lead("444555666777888", full_name="Ida Sorel",
                          work_email="ida@munson.example", company_name="Munson's"),
                meta_lead("444555666777889", email="jo@munson.example"),
            ]
        ),
        "linkedin_lead_gen": dict(
            [
                linkedin_response(
                    "a9a29e52-c0a3-42e3-8af1-2fc83b697003-4",
                    {"utm_source": "linkedin", "utm_campaign": "autumn"},
                    FIRST_NAME="Hugo", LAST_NAME="Brandt", WORK_EMAIL="hugo@lamna.example",
                    COMPANY_NAME="Lamna",
                )
            ]
        ),
    }  # fmt: skip
    # HubSpot is down at first, and Meta has no lead of the second number, ever.
    found = Vendors(known, first={"50501": 503, "444555666777890": 410}, hangs={KILLED})
    with found.listening():
        yield found


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, vendors: Vendors) -> Iterator[Up]:
    root = tmp_path_factory.mktemp("sources")
    folder = shutil.copytree(configfiles.folder(None), root / "config")
    file = folder / "sources.yaml"
    document = yaml.safe_load(file.read_text())
    for name, path in BASE.items():
        document["sources"][name]["fetch"]["base_url"] = vendors.url + path
    document["sources"][NO_TOKEN] = {
        "adapter": "hubspot_app", "secret": "HUBSPOT", "fetch": {"token": "HUBSPOT_SECOND_TOKEN"},
    }  # fmt: skip
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HUBSPOT_TOKEN", "META_TOKEN", "LINKEDIN_TOKEN"):
            patch.setenv(f"HANDRAISE_SECRET_{name}", TOKEN)
        with up(root / "data", "--config", str(folder)) as started:
            yield started


def command(running: Up, *arguments: str) -> Any:
    done = in_process(*arguments, "--json", "--data", running.line["data"])
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


Rows = list[tuple[dict[str, str], dict[str, Any]]]
LETTERS = ("submissions.v1.capture.dlq",)
CAPTURED = ("leads.captured.v1", "leads.captured.bulk.v1")


def of_topic(running: Up, topics: tuple[str, ...], enough: Callable[[Rows], bool]) -> Rows:
    """Headers and value of what lies on topics, from their beginning until there is enough."""

    async def read() -> Rows:
        found: Rows = []
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=running.line["kafka"],
            auto_offset_reset="earliest",
            fetch_max_wait_ms=20,
        )
        await consumer.start()
        try:
            async with asyncio.timeout(LONG):
                while not enough(found):
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        for record in records:
                            headers = {n: v.decode(errors="replace") for n, v in record.headers}
                            found.append((headers, json.loads(record.value)))
        finally:
            await consumer.stop()
        return found

    return asyncio.run(read())


def events_of(running: Up, topics: tuple[str, ...], wanted: set[str]) -> dict[str, dict[str, Any]]:
    """What became of submissions first, by their id; waits for each."""
    rows = of_topic(running, topics, lambda rows: wanted <= {v["submission_id"] for _, v in rows})
    return {value["submission_id"]: value for _, value in reversed(rows)}


def by_submission(letters: Rows) -> dict[str, str]:
    """Reason of each dead letter."""
    return {v["submission_id"]: headers["x-handraise-reason"] for headers, v in letters}


def said(event: dict[str, Any]) -> tuple[str | None, ...]:
    lead = event["lead"]
    names = [lead["first_name"], lead["last_name"]]
    return (
        lead["email"],
        " ".join(name for name in names if name),
        lead["company"],
        event["kind"],
        event["channel"],
        lead["utm"]["source"],
        lead["utm"]["campaign"],
    )


def examples(source: str, kind: str) -> list[Path]:
    """Of its adapter; a form tool's own one, where the adapter has some for several tools."""
    files = sorted((EXAMPLES / SOURCES[source].config.adapter / kind).iterdir())
    if kind == "bad" or SOURCES[source].config.adapter != "generic":
        return files
    own = [file for file in files if file.stem == source]
    return own or [file for file in files if file.stem not in SOURCES]


@pytest.fixture(scope="module")
def sent(running: Up) -> dict[tuple[str, str], dict[str, Any]]:
    """Every example of every source, good ones first; the answer of each file."""
    found = {}
    for source in sorted(SOURCES):
        files = [*examples(source, "good"), *examples(source, "bad")]
        argv = ("send", source, *map(str, files), "--json", "--data", running.line["data"])
        # The command itself once; for the others its code will do.
        run = handraise if source == "website" else in_process
        for line in run(*argv).stdout.splitlines():
            answer = json.loads(line)
            found[source, Path(answer["file"]).stem] = answer
    return found


Sent = dict[tuple[str, str], dict[str, Any]]


def test_every_source_takes_what_it_is_sent(sent: Sent) -> None:
    refused = {which: one for which, one in sent.items() if one["http"] != 200}
    # Callers of the API are told at once what is wrong.
    assert {source for source, _ in refused} <= {"api", "google_ads"}
    # Google's proof is in the body: half of one is proven by nothing.
    assert {name for source, name in refused if source == "google_ads"} <= {"cut_off"}
    assert {source for source, _ in sent} == set(SOURCES)


def test_what_becomes_of_every_good_example_is_written_down() -> None:
    known = {*PEOPLE, *ASIDE, *HAPPENED, *SIGNALS, *BATCHES}
    # Its second lead is one that the vendor does not know: a test of its own.
    known.add(("meta_lead_ads", "batch"))
    # The contact of "created", who comes back.
    known.add(("hubspot_app", "form_again"))
    wanted = {(name, file.stem) for name in SOURCES for file in examples(name, "good")}
    assert wanted - known == set()
    assert {name for name, _ in wanted} == set(SOURCES)


def test_each_person_comes_in_as_the_page_says_and_ends(running: Up, sent: Sent) -> None:
    ids = {which: sent[which]["submission_id"] for which in PEOPLE}
    leads = events_of(running, CAPTURED, set(ids.values()))
    assert {which: said(leads[one]) for which, one in ids.items()} == PEOPLE
    decided = events_of(running, ("assignments.v1",), set(ids.values()))
    assert {decided[one]["status"] for one in ids.values()} <= STATUSES
    story = command(running, "explain", "sofia@woodgrove.example")
    assert [touch["source"] for touch in story["touches"]] == ["netlify"]


def test_what_feeds_tell_is_an_activity(running: Up, sent: Sent) -> None:
    assert {sent[which]["submission_id"] for which in HAPPENED} == {None}
    wanted = sorted((source, *said) for (source, _), said in HAPPENED.items())

    def seen(rows: Rows) -> list[tuple[str, ...]]:
        # At least once: the broker that forgets is told again of what has no end yet.
        once = {(v["source"], v["external_id"], v["activity"]): v for _, v in rows}
        return sorted((v["source"], v["activity"], v["email"] or v["phone"]) for v in once.values())

    rows = of_topic(running, ("activities.v1",), lambda rows: len(seen(rows)) >= len(wanted))
    assert seen(rows) == wanted


def test_each_of_several_people_in_one_delivery_is_a_lead_with_an_end(
    running: Up, sent: Sent
) -> None:
    for which, people in BATCHES.items():
        ids = set(sent[which]["submission_ids"])
        leads = events_of(running, CAPTURED, ids)
        assert {leads[one]["lead"]["email"] for one in ids} == people
        decided = events_of(running, ("assignments.v1",), ids)
        assert {decided[one]["status"] for one in ids} <= STATUSES


def test_what_visitor_tools_see_of_a_company_is_a_signal(running: Up, sent: Sent) -> None:
    assert {sent[which]["submission_id"] for which in SIGNALS} == {None}
    wanted = {(source, *said) for (source, _), said in SIGNALS.items()}

    def seen(rows: Rows) -> set[tuple[str, ...]]:
        return {(v["provider"], v["signal"], v["domain"]) for _, v in rows}

    rows = of_topic(running, ("signals.v1",), lambda rows: wanted <= seen(rows))
    assert seen(rows) == wanted


def test_what_is_no_lead_is_accepted_and_set_aside(running: Up, sent: Sent) -> None:
    ids = {which: sent[which]["submission_id"] for which in ASIDE}
    events = events_of(running, ("quarantine.v1",), set(ids.values()))
    assert {which: events[one]["reason"] for which, one in ids.items()} == ASIDE


def test_what_a_vendor_does_not_tell_is_dead_lettered_with_the_reason(
    running: Up, sent: Sent, vendors: Vendors
) -> None:
    there, missing = sent["meta_lead_ads", "batch"]["submission_ids"]
    letters = of_topic(running, LETTERS, lambda rows: missing in by_submission(rows))
    assert by_submission(letters)[missing] == "fetch_missing"
    assert there not in by_submission(letters)
    leads = events_of(running, ("leads.captured.v1",), {there})
    assert leads[there]["lead"]["email"] == "jo@munson.example"
    assert vendors.asked["50501"] >= 2, "asked again after its 503"


def test_what_up_cannot_make_up_is_reported_and_stops_nothing(running: Up, tmp_path: Path) -> None:
    rows = {row["name"]: row for row in command(running, "sources", "list")["sources"]}
    assert {name for name, row in rows.items() if row["secret"] == "missing"} == {NO_TOKEN}
    assert all(row["evidence"] for row in rows.values())
    done = in_process("sources", "check", "--json", "--data", running.line["data"])
    assert done.returncode == 1
    assert {finding["source"] for finding in json.loads(done.stdout)["findings"]} == {NO_TOKEN}
    answer = command(running, "send", NO_TOKEN, hubspot_event(tmp_path, "1"))
    one = answer["submission_id"]
    letters = of_topic(running, LETTERS, lambda rows: one in by_submission(rows))
    assert by_submission(letters)[one] == "fetch_unconfigured"


def test_a_worker_killed_while_the_vendor_thinks_ends_its_job_once(
    running: Up, vendors: Vendors, tmp_path: Path
) -> None:
    one = command(running, "send", "hubspot_app", hubspot_event(tmp_path, KILLED))["submission_id"]
    wait_until(lambda: vendors.asked[KILLED] == 1, timeout=LONG)
    worker = running.service("capture")
    worker.kill()
    worker.wait(LONG)
    # Its lease runs out 30 s after it was taken; the clock of leases is the database's.
    asyncio.run(expire_leases(running.line["postgres"]))
    lead = events_of(running, ("leads.captured.v1",), {one})[one]
    assert lead["lead"]["email"] == "kai@wideworld.example"
    vendors.released.set()
    decided = events_of(running, ("assignments.v1",), {one})[one]
    assert decided["status"] in STATUSES
    assert vendors.asked[KILLED] == 2
    touches = command(running, "explain", "kai@wideworld.example")["touches"]
    assert len(touches) == 1


async def expire_leases(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "update capture.fetches set due_at = clock_timestamp() where ended_at is null"
        )
    finally:
        await connection.close()


def hubspot_event(tmp_path: Path, number: str) -> str:
    told = {"eventId": number, "subscriptionId": 77, "subscriptionType": "contact.creation",
            "objectId": number}  # fmt: skip
    file = tmp_path / "event.json"
    file.write_text(json.dumps([told]))
    return str(file)
