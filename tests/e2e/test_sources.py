"""Each source's examples, sent to a running installation, end as their pages say."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from services.capture import config
from services.cli import configfiles
from tests.support.commands import LONG
from tests.support.up import Up, handraise, up

pytestmark = pytest.mark.timeout(240)

EXAMPLES = Path("schemas/examples/sources")
SOURCES = config.parse(
    {p.name: p.read_text() for p in Path("deploy/config").glob("*.yaml")}
).sources

# (source, example) -> e-mail, name, company, kind, channel, utm source and campaign
PEOPLE: dict[tuple[str, str], tuple[str | None, ...]] = {
    ("api", "lead"): (
        "petra@vanarsdel.example", "Petra Holm", "VanArsdel", "demo_request", "organic_search",
        None, None,
    ),
    ("calcom", "booking_created"): (
        "noor@contoso.example", "Noor Aziz", "Contoso", "demo_request", "paid_search",
        "google", "brand",
    ),
    ("calcom", "form_submitted"): (
        "ravi@fabrikam.example", "Ravi Menon", None, "demo_request", "unknown", None, None,
    ),
    ("calendly", "invitee_created"): (
        "ines.prado@tailspin.example", "Inês Prado", "Tailspin Toys", "demo_request",
        "paid_social", "linkedin", "autumn-demo",
    ),
    ("calendly", "routing_form"): (
        "omar@litware.example", "Omar Haddad", None, "demo_request", "email", "newsletter",
        "november",
    ),
    ("google_ads", "lead"): (
        "dana@bellows.example", "Dana Larsen", "Northwind Traders", "demo_request", "paid_search",
        None, None,
    ),
    ("google_ads", "performance_max"): (
        "erin@fabrikam.example", "Erin Okafor", None, "demo_request", "paid_search", None, None,
    ),
    ("hubspot_workflow", "contact_with_history"): (
        "dana@northwind.example", "Dana Larsen", "Northwind Traders", "demo_request",
        "paid_search", None, None,
    ),
    ("jotform", "broken_raw_request"): (
        "erin@relecloud.example", "", None, "demo_request", "unknown", None, None,
    ),
    ("jotform", "submission"): (
        "dana@relecloud.example", "Dana Okafor", "Northwind", "demo_request", "unknown",
        "google", None,
    ),
    ("netlify", "submission"): (
        "sofia@woodgrove.example", "Sofia Marin", "Woodgrove", "contact_sales", "paid_search",
        "google", "de-brand",
    ),
    ("other_form", "form_encoded"): (
        "dana@treyresearch.example", "Dana Okafor", None, "contact_sales", "unknown", None,
        "brand",
    ),
    ("partner_events", "structured"): (
        "tariq@lucerne.example", "Tariq Nasser", "Lucerne Publishing", "referral", "partner",
        "acme-partner", "referrals",
    ),
    ("segment", "track"): (
        "kofi@adatum.example", "Kofi Mensah", "Adatum", "free_trial", "paid_search", "bing",
        "competitors",
    ),
    ("segment", "identify"): (
        "lena@proseware.example", "Lena Vogt", "Proseware", "free_trial", "review_site", "g2",
        "profile",
    ),
    ("tally", "response"): (
        "dana@humongous.example", "Dana Okafor", "Northwind", "demo_request", "paid_search",
        "google", None,
    ),
    ("typeform_demo", "response"): (
        "dilan@northwind.example", "Dilan Kaya", "Northwind Traders", "demo_request",
        "paid_search", "google", "demo",
    ),
    ("unbounce", "unbounce"): (
        "dana@treyresearch.example", "Dana", "Northwind", "demo_request", "unknown", "google",
        None,
    ),
    ("webflow", "submission"): (
        "dana@wingtip.example", "Dana Okafor", "Northwind", "demo_request", "unknown", "google",
        None,
    ),
    ("website", "lead_created"): (
        "jonas@margies.example", "Jonas Berg", "Margie's Travel", "contact_sales", "paid_search",
        "google", "contact",
    ),
}  # fmt: skip
ASIDE = {
    ("calendly", "invitee_canceled"): "ignored_event",
    ("calendly", "moved"): "ignored_event",
    ("calcom", "ping"): "ignored_event",
    ("calcom", "not_json"): "unparsable",
    ("segment", "other_event"): "ignored_event",
    ("segment", "anonymous"): "unparsable",
    ("netlify", "no_data"): "unparsable",
    ("partner_events", "other_type"): "ignored_event",
    ("partner_events", "data_is_text"): "unparsable",
    ("website", "other_type"): "ignored_event",
    ("typeform_demo", "nobody"): "unparsable",
    ("google_ads", "test_lead"): "test",
}
# One person who comes back, by another form, is told to the same rep again.
STATUSES = {"assigned", "held", "nurtured", "re_engaged"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    root = tmp_path_factory.mktemp("sources")
    folder = shutil.copytree(configfiles.folder(None), root / "config")
    with up(root / "data", "--config", str(folder)) as started:
        yield started


def command(running: Up, *arguments: str) -> Any:
    done = handraise(*arguments, "--json", "--data", running.line["data"])
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def events_of(running: Up, topics: tuple[str, ...], wanted: set[str]) -> dict[str, dict[str, Any]]:
    """What became of submissions, by their id; waits for each."""

    async def read() -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=running.line["kafka"],
            auto_offset_reset="earliest",
            fetch_max_wait_ms=20,
        )
        await consumer.start()
        try:
            async with asyncio.timeout(LONG):
                while not wanted <= found.keys():
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        for value in (json.loads(record.value) for record in records):
                            found.setdefault(value["submission_id"], value)
        finally:
            await consumer.stop()
        return found

    return asyncio.run(read())


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


@pytest.fixture(scope="module")
def sent(running: Up) -> dict[tuple[str, str], dict[str, Any]]:
    """Every example of every source, good ones first; the answer of each file."""
    found = {}
    for source in sorted(SOURCES):
        folder = EXAMPLES / SOURCES[source].config.adapter
        files = [*sorted((folder / "good").iterdir()), *sorted((folder / "bad").iterdir())]
        argv = ("send", source, *map(str, files), "--json", "--data", running.line["data"])
        for line in handraise(*argv).stdout.splitlines():
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


def test_each_person_comes_in_as_the_page_says_and_ends(running: Up, sent: Sent) -> None:
    ids = {which: sent[which]["submission_id"] for which in PEOPLE}
    leads = events_of(running, ("leads.captured.v1",), set(ids.values()))
    assert {which: said(leads[one]) for which, one in ids.items()} == PEOPLE
    decided = events_of(running, ("assignments.v1",), set(ids.values()))
    assert {decided[one]["status"] for one in ids.values()} <= STATUSES
    story = command(running, "explain", "sofia@woodgrove.example")
    assert [touch["source"] for touch in story["touches"]] == ["netlify"]


def test_what_is_no_lead_is_accepted_and_set_aside(running: Up, sent: Sent) -> None:
    ids = {which: sent[which]["submission_id"] for which in ASIDE}
    events = events_of(running, ("quarantine.v1",), set(ids.values()))
    assert {which: events[one]["reason"] for which, one in ids.items()} == ASIDE


def test_what_up_cannot_make_up_is_reported_and_stops_nothing(running: Up) -> None:
    tokens = {name for name, source in SOURCES.items() if source.config.fetch}
    rows = {row["name"]: row for row in command(running, "sources", "list")["sources"]}
    assert {name for name, row in rows.items() if row["secret"] == "missing"} == tokens
    assert all(row["evidence"] for row in rows.values())
    done = handraise("sources", "check", "--json", "--data", running.line["data"])
    assert done.returncode == 1
    assert {finding["source"] for finding in json.loads(done.stdout)["findings"]} == tokens
