"""Brokers that want to know who is there: TLS with a password, and TLS with a certificate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from services.runtime import topics_admin
from services.runtime.embedded.kafka import EmbeddedKafka
from services.runtime.embedded.ports import choose
from services.runtime.settings import KafkaSettings
from services.runtime.topics_admin import TopicsError
from tests.support.kafka import Broker
from tests.support.stages import contents, event_output, running, stage, topics_on
from tests.support.tls import Authority, Pair
from tests.support.waiting import eventually

USER, PASSWORD = "handraise", "a pass, w=rd"
_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


@dataclass(frozen=True, slots=True)
class Secured:
    """One broker with three doors."""

    plain: KafkaSettings
    """Without any lock, to look behind."""
    password: str
    certificate: str
    authority: Path
    own: Pair

    def by_password(self, mechanism: str, password: str = PASSWORD) -> KafkaSettings:
        return self._settings(
            self.password,
            security_protocol="SASL_SSL",
            sasl_mechanism=mechanism,
            sasl_username=USER,
            sasl_password=password,
        )

    def by_certificate(self, **more: Any) -> KafkaSettings:
        shown = {"ssl_certfile": self.own.cert, "ssl_keyfile": self.own.key, **more}
        return self._settings(self.certificate, security_protocol="SSL", **shown)

    def _settings(self, address: str, **more: Any) -> KafkaSettings:
        common = {"session_timeout_ms": 3000, "heartbeat_ms": 500, "ssl_cafile": self.authority}
        return KafkaSettings(bootstrap_servers=address, **{**common, **more})


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("secured")
    authority = Authority(folder)
    doors = {name: f"127.0.0.1:{choose(0, False, name)}" for name in _DOORS}
    server = EmbeddedKafka(
        folder / "kafka",
        int(doors["PLAINTEXT"].rpartition(":")[2]),
        settings=_properties(doors, authority),
    )
    server.start()
    try:
        plain = Broker(doors["PLAINTEXT"], "apache").settings
        _let_in(plain)
        yield Secured(
            plain, doors["PASSWORD"], doors["CERTIFICATE"], authority.file, authority.pair("us")
        )
    finally:
        server.stop()


_DOORS = {
    "PLAINTEXT": "PLAINTEXT",
    "CONTROLLER": "PLAINTEXT",
    "PASSWORD": "SASL_SSL",
    "CERTIFICATE": "SSL",
}


def _properties(doors: dict[str, str], authority: Authority) -> dict[str, str]:
    listeners = [f"{name}://{address}" for name, address in doors.items()]
    kept = authority.pair("broker").both
    password = "listener.name.password"
    quoted = PASSWORD.replace('"', '\\\\"')
    return {
        "listeners": ",".join(listeners),
        "advertised.listeners": ",".join(one for one in listeners if "CONTROLLER" not in one),
        "controller.quorum.voters": f"1@{doors['CONTROLLER']}",
        "listener.security.protocol.map": ",".join(":".join(one) for one in _DOORS.items()),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(kept),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
        "listener.name.certificate.ssl.client.auth": "required",
        f"{password}.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        f"{password}.plain.sasl.jaas.config": f'{_PLAIN} required user_{USER}="{quoted}";',
        f"{password}.scram-sha-256.sasl.jaas.config": f"{_SCRAM} required;",
        f"{password}.scram-sha-512.sasl.jaas.config": f"{_SCRAM} required;",
    }


def _let_in(kafka: KafkaSettings) -> None:
    client = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        login = ScramCredentialInfo(mechanism, 4096)
        known = UserScramCredentialUpsertion(USER, login, PASSWORD.encode())
        for future in client.alter_user_scram_credentials([known]).values():
            future.result(20)


async def carries(kafka: KafkaSettings, plain: KafkaSettings) -> None:
    """A stage reads and publishes through this door."""
    source, to = await topics_on(plain)
    async with running(kafka, stage(source, to)) as broker:
        await broker.publish([event_output(source) for _ in range(5)])
        await eventually(lambda: _all_out(plain, to.name), 30)


async def _all_out(plain: KafkaSettings, topic: str) -> bool:
    return len(await contents(plain, topic)) == 5


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_stage_works_through_tls_and_a_password(secured: Secured, mechanism: str) -> None:
    await carries(secured.by_password(mechanism), secured.plain)


async def test_a_stage_works_through_tls_and_a_certificate(secured: Secured) -> None:
    await carries(secured.by_certificate(), secured.plain)


async def test_topics_are_applied_and_verified_through_each_door(secured: Secured) -> None:
    changed = await topics_admin.apply(secured.by_password("SCRAM-SHA-512"))
    assert changed
    assert await topics_admin.verify(secured.by_certificate()) == []


async def test_who_is_not_let_in_is_told_so(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics_admin, "_TIMEOUT_S", 2.0)
    stranger = Authority(tmp_path).pair("stranger")
    shown = {"ssl_certfile": stranger.cert, "ssl_keyfile": stranger.key}
    refused = [
        (secured.by_password("PLAIN", "wrong"), "uthentication"),
        (secured.by_password("SCRAM-SHA-256", "wrong"), "uthentication"),
        (secured.by_certificate(**shown), "ertificate"),
    ]
    for kafka, why in refused:
        with pytest.raises(TopicsError, match=why):
            await asyncio.wait_for(topics_admin.verify(kafka), 60)
