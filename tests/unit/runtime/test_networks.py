"""Whose network a request comes from, and the memory that this costs."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from services.runtime.buckets import Buckets
from services.runtime.networks import Clients, network_of
from services.runtime.settings import HttpSettings

PROXIES = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "none"),
        ("", "none"),
    ],
)
def test_the_network_around_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return {"client": (peer, 1), "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "network"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.0/24"),  # anybody can write that
        ("10.1.1.1", ["198.51.100.1"], "198.51.100.0/24"),
        ("10.1.1.1", ["192.0.2.1, 198.51.100.1, 10.2.2.2"], "198.51.100.0/24"),
        ("10.1.1.1", ["192.0.2.1", "198.51.100.1"], "198.51.100.0/24"),
        ("10.1.1.1", ["198.51.100.1:4711"], "198.51.100.0/24"),
        ("fd00::1", ["[2001:db8::1]:443"], "2001:db8::/64"),
        ("10.1.1.1", ["unknown"], "none"),
        ("10.1.1.1", ["\xff\x00,,"], "none"),
        ("10.1.1.1", [], "10.1.1.0/24"),
        ("10.1.1.1", ["10.9.9.9"], "10.9.9.0/24"),
    ],
)
def test_only_a_trusted_proxy_is_believed(peer: str, forwarded: list[str], network: str) -> None:
    assert Clients(PROXIES).network(scope(peer, *forwarded)) == network


def test_without_a_client_there_is_no_network() -> None:
    assert Clients().network({"client": None, "headers": []}) == "none"


def test_the_settings_name_the_proxies() -> None:
    assert HttpSettings(trusted_proxies="10.0.0.0/8, fd00::/8").proxies == PROXIES
    assert HttpSettings().proxies == ()
    with pytest.raises(ValueError, match=r"networks as 10\.0\.0\.0/8"):
        HttpSettings(trusted_proxies="the proxy")


def test_the_least_recently_used_bucket_is_forgotten() -> None:
    buckets = Buckets(capacity=3)
    buckets.get("kept", 1, 0).spend(0)
    for number in range(1000):
        buckets.get(number, 1, 0)
        assert buckets.get("kept", 1, 0).wait(0) > 0
    assert len(buckets) == 3
