"""How the process talks to Kafka: connection arguments, and what it says about it in the log."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from typing import TYPE_CHECKING, Any, Final

from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from schemas.base import Lane

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer

    from services.runtime.settings import KafkaSettings

REQUEST_TIMEOUT_MS: Final = 10_000
RETRY_BACKOFF_MS: Final = 50
METADATA_MAX_AGE_MS: Final = 60_000
MAX_BATCH_BYTES: Final = 128 * 1024
MAX_RECORD_BYTES: Final = 900_000
"""Of an output. Below the 1 MiB that a topic takes, so that its dead letter fits everywhere."""
QUIET_FETCH_MS: Final = 20
"""The same for a live reader of the in-process broker that has had nothing to read for a second:
at 5 ms for each the services of an idle installation burn half a processor."""
MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024


def security(kafka: KafkaSettings) -> BaseSecurity:
    """The connection's TLS and SASL, in FastStream's terms."""
    use_ssl = kafka.security_protocol.endswith("SSL")
    context = _tls(kafka) if use_ssl else None
    if not kafka.security_protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context, use_ssl=use_ssl)
    username = kafka.sasl_username or ""
    password = kafka.sasl_password.get_secret_value() if kafka.sasl_password else ""
    match kafka.sasl_mechanism:
        case "SCRAM-SHA-256":
            return SASLScram256(username, password, context, use_ssl)
        case "SCRAM-SHA-512":
            return SASLScram512(username, password, context, use_ssl)
        case _:
            return SASLPlaintext(username, password, context, use_ssl)


def _tls(kafka: KafkaSettings) -> ssl.SSLContext:
    """
    :raises OSError: a file is not there, or is no certificate or key.
    """
    context = ssl.create_default_context(cafile=kafka.ssl_cafile)
    if kafka.ssl_certfile is not None:
        context.load_cert_chain(kafka.ssl_certfile, kafka.ssl_keyfile)
    return context


def connection(kafka: KafkaSettings, client_id: str) -> dict[str, Any]:
    """Arguments that every aiokafka client of ours takes."""
    return {
        # A list: FastStream takes a text for one address.
        "bootstrap_servers": kafka.bootstrap_servers.split(","),
        "client_id": client_id,
        "request_timeout_ms": REQUEST_TIMEOUT_MS,
        "retry_backoff_ms": RETRY_BACKOFF_MS,
        "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        **parse_security(security(kafka)),
    }


def producing() -> dict[str, Any]:
    """What makes a producer durable and quick: acks=all, idempotent, no lingering."""
    return {
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 0,
        "max_batch_size": MAX_BATCH_BYTES,
        "max_request_size": MAX_REQUEST_BYTES,
    }


async def close(consumer: AIOKafkaConsumer, timeout: float = 2.0) -> None:
    """Stop a consumer, within ``timeout`` seconds; never raises for what the broker does.

    While no broker answers, aiokafka's own ``stop`` raises the CancelledError of a task inside it.
    Whoever awaits that takes it for an order to end.
    """
    stopping = asyncio.create_task(consumer.stop())
    stopping.add_done_callback(lambda late: late.cancelled() or late.exception())
    done, _ = await asyncio.wait((stopping,), timeout=timeout)
    if not done:
        stopping.cancel()


def fetch_wait_ms(kafka: KafkaSettings, lane: Lane, *, waited_for: bool = True) -> int:
    """How long a fetch may be parked at the broker.

    A real broker answers as soon as a record is there. The in-process one only when the time is
    over, so for it this *is* the latency, and what an idle process burns.

    :param waited_for: somebody waits for what the reader makes of the records.
    """
    if not kafka.embedded:
        return kafka.fetch_max_wait_ms
    return 5 if lane is Lane.LIVE and waited_for else 50


def librdkafka(kafka: KafkaSettings) -> dict[str, Any]:
    """The same connection for confluent-kafka's clients (administration only)."""
    config: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
        "log_level": 2,  # a broker that is away is our caller's to report, once
    }
    if kafka.ssl_cafile is not None:
        config["ssl.ca.location"] = str(kafka.ssl_cafile)
    if kafka.ssl_certfile is not None:
        config["ssl.certificate.location"] = str(kafka.ssl_certfile)
        config["ssl.key.location"] = str(kafka.ssl_keyfile)
    if kafka.sasl_mechanism is not None:
        config["sasl.mechanism"] = kafka.sasl_mechanism
        config["sasl.username"] = kafka.sasl_username or ""
        config["sasl.password"] = (
            kafka.sasl_password.get_secret_value() if kafka.sasl_password else ""
        )
    return config


class RateLimit(logging.Filter):
    """Lets each message of a logger through a few times per period, then only counts it.

    Without a leader aiokafka was seen to write 11,000 lines a second.
    """

    def __init__(self, most: int = 3, period_s: float = 10.0) -> None:
        super().__init__()
        self._most = most
        self._period_s = period_s
        self._seen: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        since, count = self._seen.get(record.msg, (now, 0))
        if now - since < self._period_s:
            self._seen[record.msg] = (since, count + 1)
            return count < self._most
        if len(self._seen) > 200:  # messages are templates; this is only a guard
            self._seen.clear()
        self._seen[record.msg] = (now, 1)
        if count > self._most:
            record.msg = f"{record.msg} ({count - self._most} more in {now - since:.0f} s)"
        return True


def quieten() -> None:
    """Put a rate limit on every logger of aiokafka. Safe to call again."""
    for name in list(logging.root.manager.loggerDict):
        if name == "aiokafka" or name.startswith("aiokafka."):
            logger = logging.getLogger(name)
            if not any(isinstance(present, RateLimit) for present in logger.filters):
                logger.addFilter(RateLimit())
