"""Settings name every fault at once and never show a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.runtime.dsn import is_dsn, redact
from services.runtime.settings import SettingsError, load, read, secrets

GOOD = {
    "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS": "broker:9092",
    "HANDRAISE_POSTGRES__DSN": "postgresql://me:hunter2@db:5432/handraise",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Nothing but what a test sets."""
    import os

    for name in list(os.environ):
        if name.startswith("HANDRAISE_"):
            monkeypatch.delenv(name)
    return monkeypatch


def put(environment: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        environment.setenv(name, value)


def faults(environment: pytest.MonkeyPatch, **values: str) -> list[str]:
    put(environment, **values)
    with pytest.raises(SettingsError) as caught:
        read()
    return caught.value.faults


def test_two_variables_are_enough(environment: pytest.MonkeyPatch) -> None:
    put(environment, **GOOD)
    settings = read()
    assert settings.kafka.bootstrap_servers == "broker:9092"
    assert settings.http.host == "127.0.0.1"
    assert not settings.supervised


def test_nothing_set_names_what_is_needed_and_only_that(environment: pytest.MonkeyPatch) -> None:
    assert faults(environment) == [
        "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS: missing",
        "HANDRAISE_POSTGRES__DSN: missing",
    ]


def test_every_fault_is_listed_at_once(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = faults(
        environment,
        HANDRAISE_KAFKA__BOOTSTRAP_SERVERS="broker",
        HANDRAISE_POSTGRES__DSN="mysql://me:hunter2@db/x",
        HANDRAISE_HTTP__PORT="70000",
        HANDRAISE_CONFIG=str(tmp_path / "absent"),
        HANDRAISE_LOG__LEVEL="loud",
    )
    assert [line.partition(":")[0] for line in found] == [
        "HANDRAISE_CONFIG",
        "HANDRAISE_HTTP__PORT",
        "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS",
        "HANDRAISE_LOG__LEVEL",
        "HANDRAISE_POSTGRES__DSN",
    ]
    assert "hunter2" not in "\n".join(found)


def test_a_misspelt_variable_is_told_apart_from_a_foreign_one(
    environment: pytest.MonkeyPatch,
) -> None:
    put(environment, **GOOD, HANDRAISE_CACHE="/x", HANDRAISE_TEST_KAFKA="h:1")
    read()
    assert faults(environment, HANDRAISE_POSTGRES__DNS="x", HANDRAISE_CONFGI="/x") == [
        "HANDRAISE_CONFGI: unknown; did you mean HANDRAISE_CONFIG?",
        "HANDRAISE_POSTGRES__DNS: unknown; did you mean HANDRAISE_POSTGRES__DSN?",
    ]


def test_sasl_without_credentials_names_each(environment: pytest.MonkeyPatch) -> None:
    (line,) = faults(environment, **GOOD, HANDRAISE_KAFKA__SECURITY_PROTOCOL="SASL_SSL")
    for name in ("SASL_MECHANISM", "SASL_USERNAME", "SASL_PASSWORD"):
        assert f"HANDRAISE_KAFKA__{name}" in line


def test_a_certificate_comes_with_its_key_and_both_are_there(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cert = tmp_path / "us.pem"
    tls = {**GOOD, "HANDRAISE_KAFKA__SECURITY_PROTOCOL": "SSL"}
    (line,) = faults(environment, **tls, HANDRAISE_KAFKA__SSL_CERTFILE=str(cert))
    assert line.startswith("HANDRAISE_KAFKA__SSL_CERTFILE: ")
    assert "file" in line
    cert.write_text("")
    (line,) = faults(environment, HANDRAISE_KAFKA__SSL_CERTFILE=str(cert))
    assert "HANDRAISE_KAFKA__SSL_KEYFILE" in line


def test_load_prints_each_fault_and_exits_2(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        load()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "HANDRAISE_KAFKA__BOOTSTRAP_SERVERS: missing",
        "HANDRAISE_POSTGRES__DSN: missing",
    ]


def test_no_repr_shows_a_secret(environment: pytest.MonkeyPatch) -> None:
    put(
        environment,
        **GOOD,
        HANDRAISE_KAFKA__SASL_PASSWORD="hunter3",
        HANDRAISE_SECRET_TYPEFORM_DEMO="hunter4",
    )
    settings = read()
    shown = f"{settings!r} {settings} {settings.model_dump_json()} {secrets()!r} {secrets()}"
    assert "hunter" not in shown
    assert settings.postgres.shown == "postgresql://me:***@db:5432/handraise"


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:p@ss:w@h:1/d", "postgresql://u:***@h:1/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://h/d?password=p&a=b", "postgresql://h/d?password=***&a=b"),
        ("postgresql://h/d?sslpassword=p", "postgresql://h/d?sslpassword=***"),
    ],
)
def test_a_dsn_is_redacted_wherever_the_password_stands(dsn: str, shown: str) -> None:
    assert redact(dsn) == shown


def test_a_rotated_secret_has_the_present_value_first(environment: pytest.MonkeyPatch) -> None:
    put(
        environment,
        HANDRAISE_SECRET_WEBSITE_PREVIOUS="old",
        HANDRAISE_SECRET_WEBSITE="new",
        HANDRAISE_SECRET_EMPTY="",
    )
    held = secrets()
    assert held.get("website") == [b"new", b"old"]
    assert held.get("WEB-SITE") == []
    assert held.get("EMPTY") == []
    assert held.names() == ["WEBSITE"]


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:hunter2@db:99999/handraise",
        "postgresql://me:hunter2@db:port/handraise",
        "postgresql://me:hunt/er2@db:5432/handraise",
        "postgresql://me:hunter2@[db/handraise",
        "postgresql://me:hunter2\u2100@db/handraise",
    ],
)
def test_an_address_that_is_none_is_told_without_its_password(
    environment: pytest.MonkeyPatch, dsn: str
) -> None:
    (fault,) = faults(environment, **{**GOOD, "HANDRAISE_POSTGRES__DSN": dsn})
    assert fault.startswith("HANDRAISE_POSTGRES__DSN: must be postgresql://user:password@")
    assert "hunt" not in fault


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql:///handraise?host=/run/postgresql",
        "postgres://me:hunter2@one:5432,two:5433,[::1]:5434/handraise",
        "postgresql://me:hunt%2Fer2@db/handraise?sslmode=verify-full&sslrootcert=/ca.pem",
    ],
)
def test_what_is_an_address(dsn: str) -> None:
    assert is_dsn(dsn)
