"""From the settings of a provider to its adapter, and what it can answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from services.enrichment.providers import apollo, http_json, people_data_labs
from services.enrichment.providers.abstract import ABSTRACT
from services.enrichment.providers.contract import (
    Adapter,
    Endpoint,
    Outcome,
    Reading,
    Request,
    endpoints,
    field_set,
)
from services.enrichment.providers.hunter import HUNTER
from services.enrichment.providers.ipinfo import IPINFO
from services.enrichment.providers.settings import (
    Apollo,
    HttpProvider,
    MailServers,
    MaxMindFile,
    PeopleDataLabs,
    Rate,
    Vendor,
)

Settings = HttpProvider | Vendor | MaxMindFile | MailServers
Remote = HttpProvider | Vendor

_VENDORS = {"hunter": HUNTER, "abstract": ABSTRACT, "ipinfo": IPINFO}


def _local(name: str, fields: str, needs: str) -> Mapping[str, Endpoint]:
    """An endpoint whose question and answer never leave the process as HTTP."""
    return endpoints(
        Endpoint(
            name,
            fields=field_set(fields),
            needs=field_set(needs),
            ask=lambda about, wanted: Request(""),
            read=lambda document, about: Reading(document),
        )
    )


MAXMIND = _local("city", "country time_zone", "ip")
MAIL_SERVERS = _local("mx", "mail_provider", "domain")


def endpoints_of(config: Settings) -> Mapping[str, Endpoint]:
    """What a provider answers, by name of the endpoint; the order is that of asking."""
    match config:
        case MaxMindFile():
            return MAXMIND
        case MailServers():
            return MAIL_SERVERS
        case HttpProvider() | Vendor():
            return adapter(config).endpoints
        case _:
            assert_never(config)


def adapter(config: Remote) -> Adapter:
    """How a vendor is asked, with the prices and the address of the configuration.

    :raises ValueError: for a price of an endpoint that the vendor does not have.
    """
    match config:
        case HttpProvider():
            return http_json.adapter(config)
        case Apollo():
            return _as_agreed(apollo.adapter(config), config)
        case PeopleDataLabs():
            return _as_agreed(people_data_labs.adapter(config), config)
        case _:
            return _as_agreed(_VENDORS[config.type], config)


def rate(config: Remote) -> Rate:
    """Configured, else what the vendor's smallest plan allows."""
    if config.rate is not None:
        return config.rate
    per_second = adapter(config).calls_per_second
    if per_second >= 1:
        return Rate(calls=int(per_second))
    return Rate(calls=1, seconds=1 / per_second)


def _as_agreed(vendor: Adapter, config: Vendor) -> Adapter:
    unknown = sorted(config.prices.keys() - vendor.endpoints.keys())
    if unknown:
        known = ", ".join(vendor.endpoints)
        raise ValueError(f"prices: there is no endpoint {unknown[0]!r}; there are {known}")
    priced = {
        name: replace(
            one, prices=dict.fromkeys(one.prices or (Outcome.MATCHED,), config.prices[name])
        )
        if name in config.prices
        else one
        for name, one in vendor.endpoints.items()
    }
    return replace(vendor, endpoints=priced, address=config.address or vendor.address)
