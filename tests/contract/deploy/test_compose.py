"""``compose.yaml`` fits the services it starts; a Docker engine is not needed to know."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import CliRunner

from services.cli import service
from services.cli.main import build
from services.runtime.settings import Settings, read, variable
from tests.support.grafana import DEPLOY

ROOT = DEPLOY.parent
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
SECRET_PREFIX = "HANDRAISE_SECRET_"
OURS = {name: one for name, one in SERVICES.items() if one["image"].startswith("handraise:")}
LASTING = {name: one for name, one in OURS.items() if one["command"][0] == "service"}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def known_variables() -> set[str]:
    names = set()
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, BaseModel):
            names |= {variable((name, inner)) for inner in group.model_fields}
        else:
            names.add(variable((name,)))
    return names


def env_file(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_each_service_of_the_house_runs() -> None:
    assert {one["command"][1] for one in LASTING.values()} == {
        "capture",
        "enrichment",
        "scoring",
        "routing",
        "response",
        "delivery",
    }
    assert {"kafka", "postgres", "prometheus", "grafana"} <= SERVICES.keys()
    for name in LASTING:
        assert (ROOT / "services" / name).is_dir()


@pytest.mark.parametrize("name", OURS)
def test_the_command_knows_what_compose_tells_it_to_do(name: str) -> None:
    command = OURS[name]["command"]
    done = CliRunner().invoke(build(command), [*command, "--help"])
    assert done.exit_code == 0, done.output
    if command[0] == "service":
        assert command[1] in service.SERVICES


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_the_settings_read(name: str) -> None:
    given = {key for key in OURS[name]["environment"] if key.startswith("HANDRAISE_")}
    assert not given - known_variables()


def test_the_settings_accept_what_compose_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    given = dict(SERVICES["capture"]["environment"])
    given["HANDRAISE_CONFIG"] = str(DEPLOY / "config")
    for key, value in given.items():
        known = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value)
        monkeypatch.setenv(key, re.sub(r"\$\{POSTGRES_PASSWORD:\?[^}]*\}", "s3cret", known))
    settings = read()
    assert settings.http.port == 8080
    assert settings.kafka.bootstrap_servers == "kafka:19092"
    assert not settings.kafka.embedded


def test_links_of_messages_lead_to_a_port_that_this_machine_opens() -> None:
    delivery = OURS["delivery"]
    url = re.sub(
        r"\$\{\w+:-([^}]*)\}", r"\1", delivery["environment"]["HANDRAISE_HTTP__PUBLIC_URL"]
    )
    host = url.removeprefix("http://")
    assert f"{host}:{delivery['environment']['HANDRAISE_HTTP__PORT']}" in delivery["ports"]
    assert env_file(DEPLOY / ".env.example")["DELIVERY_PUBLIC_URL"] == url


def test_the_image_knows_only_variables_of_the_settings() -> None:
    assert set(re.findall(r"\bHANDRAISE_[A-Z_]+", DOCKERFILE)) <= known_variables()


def test_secrets_come_from_files_that_have_an_example_and_are_not_committed() -> None:
    needed = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert set(env_file(DEPLOY / ".env.example")) == needed
    secrets = env_file(DEPLOY / "secrets.env.example")
    assert all(name.startswith(SECRET_PREFIX) for name in secrets)
    assert "HANDRAISE_SECRET_INSTALLATION" in secrets
    assert all(one["env_file"] == ["secrets.env"] for one in OURS.values())
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8").split()
    assert {".env", "secrets.env"} <= set(ignored)
    # Whoever forgets to fill one in must not end up with one that everybody knows.
    assert not any(secrets.values())
    assert not any(
        value for name, value in env_file(DEPLOY / ".env.example").items() if "PASSWORD" in name
    )


def test_every_secret_that_the_example_sources_name_has_a_line() -> None:
    sources = DEPLOY / "config" / "sources.yaml"
    named = set(re.findall(r"secrets?:\s*\[?\s*([A-Z][A-Z0-9_]+)", sources.read_text("utf-8")))
    assert named, "no source of the example names a secret"
    assert {f"{SECRET_PREFIX}{name}" for name in named} <= set(
        env_file(DEPLOY / "secrets.env.example")
    )


@pytest.mark.parametrize("name", SERVICES)
def test_every_mounted_file_exists_and_is_read_only(name: str) -> None:
    for mount in SERVICES[name].get("volumes", ()):
        source, target, *mode = mount.split(":")
        if source.startswith("."):
            assert (DEPLOY / source).exists(), mount
            assert mode == ["ro"], mount
        else:
            assert source in COMPOSE["volumes"], mount
        assert target.startswith("/")


def test_every_volume_is_used() -> None:
    used = {
        mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", ())
    }
    assert set(COMPOSE["volumes"]) <= used


@pytest.mark.parametrize("name", SERVICES)
def test_published_ports_are_loopback_and_distinct(name: str) -> None:
    everywhere = [port for one in SERVICES.values() for port in one.get("ports", ())]
    for port in SERVICES[name].get("ports", ()):
        host, outside, _inside = port.split(":")
        assert host == "127.0.0.1"
        assert [other.split(":")[1] for other in everywhere].count(outside) == 1


@pytest.mark.parametrize("name", LASTING)
def test_our_ports_are_the_one_we_listen_on(name: str) -> None:
    listening = LASTING[name]["environment"]["HANDRAISE_HTTP__PORT"]
    assert f"EXPOSE {listening}" in DOCKERFILE
    assert f":{listening}/ready" in LASTING[name]["healthcheck"]["test"][-1]
    for port in LASTING[name].get("ports", ()):
        assert port.rpartition(":")[2] == listening


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    _, _, tag = SERVICES[name]["image"].partition(":")
    assert re.fullmatch(r"v?\d+(\.\d+)*", tag)


@pytest.mark.parametrize("name", SERVICES)
def test_what_lasts_is_watched_restarted_and_stopped_gently(name: str) -> None:
    service = SERVICES[name]
    if name in OURS.keys() - LASTING.keys():
        assert service["restart"].startswith("on-failure:")
        return
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert int(service["stop_grace_period"].removesuffix("s")) >= 10


@pytest.mark.parametrize("name", LASTING)
def test_services_start_after_migration_topics_and_configuration(name: str) -> None:
    waited_for: set[str] = set()
    ahead = [name]
    while ahead:
        for other, how in SERVICES[ahead.pop()].get("depends_on", {}).items():
            once = other in OURS and other not in LASTING
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert how["condition"] == wanted
            waited_for.add(other)
            ahead.append(other)
    assert {"kafka", "postgres", "migrate", "topics", "publish"} <= waited_for


@pytest.mark.parametrize("name", OURS)
def test_our_containers_have_no_rights(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_broker_is_as_reachable_as_it_says() -> None:
    kafka = SERVICES["kafka"]["environment"]
    inside = SERVICES["capture"]["environment"]["HANDRAISE_KAFKA__BOOTSTRAP_SERVERS"]
    listeners = dict(one.split("://") for one in kafka["KAFKA_LISTENERS"].split(","))
    advertised = dict(one.split("://") for one in kafka["KAFKA_ADVERTISED_LISTENERS"].split(","))
    protocols = dict(
        one.split(":") for one in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    )
    assert listeners.keys() == protocols.keys()
    assert advertised["INTERNAL"] == inside
    assert advertised["OUTSIDE"] in "".join(SERVICES["kafka"]["ports"])
    for name, address in advertised.items():
        assert address.rpartition(":")[2] == listeners[name].rpartition(":")[2]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert f"{kafka['KAFKA_LOG_DIRS']}" in "".join(SERVICES["kafka"]["volumes"])


def test_the_image_is_small_locked_and_without_root() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert len(stages) == 2
    assert "--require-hashes" in stages[0]
    assert "requirements-dev" not in DOCKERFILE
    assert re.search(r"^USER 10001$", stages[1], re.MULTILINE)
    assert "--hash=sha256:" in (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_image_gets_what_it_copies_and_nothing_else() -> None:
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert allowed[0] == "*"
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for source in " ".join(copies).split():
        assert f"!{source}" in allowed
        assert (ROOT / source).exists(), source


def test_capture_is_told_what_stands_before_it() -> None:
    """HubSpot signs the address that it called; whom a request comes from is what a proxy says."""
    capture, example = SERVICES["capture"]["environment"], env_file(DEPLOY / ".env.example")
    told = {"PUBLIC_URL": "CAPTURE_PUBLIC_URL", "TRUSTED_PROXIES": "TRUSTED_PROXIES"}
    for setting, name in told.items():
        assert capture[f"HANDRAISE_HTTP__{setting}"] == f"${{{name}:-}}"
        assert name in example
