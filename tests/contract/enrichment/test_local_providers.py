"""Providers that are no vendor: a database file on this machine, and the DNS."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.enrichment.offline.mail import family
from services.enrichment.providers.contract import Answer, Outcome, Question
from services.enrichment.providers.mail_servers import MailServerLookup
from services.enrichment.providers.maxmind import MaxMind
from services.enrichment.providers.settings import MailServers, MaxMindFile
from tests.contract.enrichment import mmdb
from tests.integration.capture.nameserver import nameserver


def _now() -> datetime:
    return datetime.now(UTC)


async def _look_up(provider: MaxMind, ip: str) -> Answer:
    return await provider.ask(Question("geo", "city", {"ip": ip}))


async def test_a_maxmind_file_knows_country_and_clock(tmp_path: Path) -> None:
    path = tmp_path / "city.mmdb"
    berlin = {"country": {"iso_code": "DE"}, "location": {"time_zone": "Europe/Berlin"}}
    mmdb.write(path, {"8.8.8.0/24": berlin, "9.9.0.0/16": {"country_code": "CH"}})
    provider = MaxMind("geo", MaxMindFile(type="maxmind", file=str(path)), _now)
    found = await _look_up(provider, "8.8.8.8")
    assert found.outcome is Outcome.MATCHED
    assert {name: one.value for name, one in found.values.items()} == {
        "country": "DE",
        "time_zone": "Europe/Berlin",
    }
    assert found.values["country"].source == "provider:geo"
    # IPinfo's files are flat.
    flat = await _look_up(provider, "9.9.1.2")
    assert flat.values["country"].value == "CH"
    assert (await _look_up(provider, "1.1.1.1")).outcome is Outcome.NO_MATCH
    provider.close()


async def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path, fresh = tmp_path / "city.mmdb", tmp_path / "fresh.mmdb"
    mmdb.write(path, {"8.8.8.0/24": {"country": {"iso_code": "DE"}}})
    mmdb.write(fresh, {"8.8.8.0/24": {"country": {"iso_code": "AT"}}, "9.0.0.0/8": {}})
    provider = MaxMind("geo", MaxMindFile(type="maxmind", file=str(path)), _now)
    assert (await _look_up(provider, "8.8.8.8")).values["country"].value == "DE"
    fresh.replace(path)
    assert (await _look_up(provider, "8.8.8.8")).values["country"].value == "AT"
    provider.close()


@pytest.mark.parametrize("content", [None, b"", b"not a database"])
async def test_a_file_that_cannot_be_read_is_an_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "city.mmdb"
    if content is not None:
        path.write_bytes(content)
    provider = MaxMind("geo", MaxMindFile(type="maxmind", file=str(path)), _now)
    assert (await _look_up(provider, "8.8.8.8")).outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("domain", "outcome", "runner"),
    [
        ("mail.com", Outcome.MATCHED, "other"),
        ("null-mx.com", Outcome.NO_MATCH, None),
        ("only-a.com", Outcome.NO_MATCH, None),
        ("nowhere.com", Outcome.NO_MATCH, None),
        ("broken.com", Outcome.ERROR, None),
        ("silent.com", Outcome.ERROR, None),
    ],
)
async def test_who_runs_the_mail_is_asked_of_the_dns(
    domain: str, outcome: Outcome, runner: str | None
) -> None:
    async with nameserver() as (_, address):
        config = MailServers(type="mx", resolver=address, timeout_ms=500)
        provider = MailServerLookup("mx", config, _now)
        found = await provider.ask(Question("mx", "mx", {"domain": domain}))
    assert found.outcome is outcome
    value = found.values.get("mail_provider")
    assert (value.value if value else None) == runner


@pytest.mark.parametrize(
    ("hosts", "runner"),
    [
        (["aspmx.l.google.com", "alt1.aspmx.l.google.com"], "google"),
        (["acme-com.mail.protection.outlook.com"], "microsoft"),
        (["MX.ZOHO.EU."], "zoho"),
        (["mxa-00256.gslb.pphosted.com"], "gateway"),
        (["mx00.kundenserver.de"], "hoster"),
        (["mail.acme.example"], "other"),
        (["notgoogle.com"], "other"),
        (["mail.acme.example", "aspmx.l.google.com"], "google"),
    ],
)
def test_mail_servers_are_known_by_their_names(hosts: list[str], runner: str) -> None:
    found = family(hosts)
    assert found is not None
    assert found.value == runner


def test_no_mail_server_says_nothing() -> None:
    assert family([]) is None
