"""The three files of routing: what is refused, and what the committed example promises."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from schemas.base import RoleName, TierName
from services.routing import decide
from services.routing.board import Board, Loaded
from services.routing.config import parse
from services.routing.effective import person
from services.routing.plan import Plan
from services.runtime.configfile import ConfigError
from tests.integration.routing.leads import files, scored

FOLDER = Path(__file__).parents[3] / "deploy/config"
EXAMPLE: Plan = parse({path.name: path.read_text("utf-8") for path in FOLDER.glob("*.yaml")})

RULE = "  - {id: big, when: {company.headcount: {gte: 500}}, pool: desk}"


def faults_of(found: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        parse(found)
    return [str(fault) for fault in refused.value.faults]


def test_a_good_set_has_rules_in_order_and_the_catch_all_last() -> None:
    plan = parse(files(rules=RULE))
    assert [rule.target.path for rule in plan.rules] == ["routing.yaml#/rules/0"]
    assert plan.catch_all.path == "routing.yaml#/catch_all"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (RULE.replace("pool: desk", "pool: dusk"), "unknown pool dusk; did you mean desk?"),
        (RULE.replace("headcount", "hedcount"), "did you mean company.headcount?"),
        (RULE.replace(", pool: desk", ""), "either a pool or nurture: true"),
        (RULE.replace("pool: desk", "pool: desk, nurture: true"), "either a pool or nurture: true"),
        (RULE.replace("pool:", "pol:"), "unknown field; did you mean pool?"),
        (f"{RULE}\n{RULE}", "big is there twice"),
        (RULE.replace("big", "catch-all"), "catch-all is there twice"),
    ],
)
def test_a_wrong_rule_is_named_with_file_line_and_a_hint(rules: str, expected: str) -> None:
    found = faults_of(files(rules=rules))
    assert any(fault.startswith("routing.yaml:") and expected in fault for fault in found), found


def test_the_catch_all_is_mandatory() -> None:
    found = files()
    found["routing.yaml"] = "rules: []\n"
    assert any("catch_all" in fault for fault in faults_of(found))


def test_managers_and_calendars_must_exist() -> None:
    found = files(routing="managers: {desk: nobody}", calendar="alwayz")
    texts = "\n".join(faults_of(found))
    assert "unknown rep nobody" in texts
    assert "did you mean always?" in texts


def test_rules_may_not_send_to_another_roles_pool() -> None:
    ae = "  - {id: ae, role: ae, members: [rob]}"
    rob = (
        "  - {id: rob, name: Rob, email: rob@example.com, role: ae,"
        " time_zone: UTC, calendar: always}"
    )
    found = faults_of(files(rules=RULE.replace("desk", "ae"), pools=ae, reps=rob))
    assert any("ae is for the ae, these rules are for the sdr" in fault for fault in found)


# -- the committed example ----------------------------------------------------------------------
def hours(start: datetime, days: int) -> list[datetime]:
    return [start + timedelta(minutes=30 * n) for n in range(days * 48)]


def free(pool: str, at: datetime) -> list[str]:
    return [rep for rep in EXAMPLE.weights[pool] if EXAMPLE.away(rep, at) is None]


@pytest.mark.parametrize(
    "start",
    [
        datetime(2026, 11, 20, tzinfo=UTC),  # northern winter
        datetime(2026, 12, 21, tzinfo=UTC),  # Christmas, New Year
        datetime(2027, 3, 8, tzinfo=UTC),  # the US change their clocks, three weeks before Europe
        datetime(2027, 3, 24, tzinfo=UTC),  # Europe does; Australia a week later
        datetime(2027, 7, 1, tzinfo=UTC),  # northern summer
        datetime(2027, 10, 1, tzinfo=UTC),  # Australia forward, Europe and the US back
        datetime(2027, 10, 24, tzinfo=UTC),
    ],
)
def test_the_catch_all_pool_has_somebody_at_any_hour_of_any_day(start: datetime) -> None:
    pool = EXAMPLE.catch_all.pool
    assert pool is not None
    empty = [at for at in hours(start, 16) if not free(pool, at)]
    assert empty == []


def test_the_enterprise_pools_hold_at_night_and_on_holidays() -> None:
    night = datetime(2026, 11, 24, 2, tzinfo=UTC)
    christmas = datetime(2026, 12, 25, 10, tzinfo=UTC)
    morning = datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert free("enterprise-emea", night) == []
    assert free("enterprise-emea", christmas) == []
    assert len(free("enterprise-emea", morning)) == 3


def decided(at: datetime, facts: dict[str, object], **fields: object) -> tuple[str, str | None]:
    board = Board(EXAMPLE, "v", at, frozenset(EXAMPLE.weights), Loaded())
    event = scored(at=at, facts=facts, **fields)  # type: ignore[arg-type]
    (change,) = decide.scored(board, event, uuid4())
    return change.status.value, change.attempt.pool


def test_what_the_example_does_with_typical_leads() -> None:
    day, night = datetime(2026, 11, 24, 10, tzinfo=UTC), datetime(2026, 11, 24, 2, tzinfo=UTC)
    big = {"headcount": 900, "country": "DE"}
    assert decided(day, big) == ("assigned", "enterprise-emea")
    assert decided(night, big) == ("held", "enterprise-emea")
    assert decided(night, {"headcount": 60, "country": "DE"}) == ("assigned", "sdr-follow-the-sun")
    assert decided(night, {}) == ("assigned", "sdr-follow-the-sun")
    assert decided(night, {"email_class": "disposable"}) == ("nurtured", None)
    ebook = {"tier": TierName.NURTURE, "kind": "content_download"}
    assert decided(day, {"headcount": 60}, **ebook) == ("nurtured", None)


def test_account_executives_are_listed_but_get_no_lead() -> None:
    pools = {rule.target.pool for rule in EXAMPLE.rules} | {EXAMPLE.catch_all.pool}
    aes = [rep.id for rep in EXAMPLE.teams.reps if rep.role is RoleName.AE]
    assert aes
    assert not [rep for rep in aes if set(EXAMPLE.pools_of(rep)) & pools]
    assert all(EXAMPLE.teams.rep[rep].role is RoleName.SDR for rep in EXAMPLE.managers.values())


def test_who_names_no_manager_reports_to_whoever_manages_their_pool() -> None:
    def manager(rep: str) -> str | None:
        at = datetime(2026, 11, 23, 9, tzinfo=UTC)
        return person(EXAMPLE, "v1", EXAMPLE.teams.rep[rep], (), at).manager

    assert manager("liam.walsh") == "maya.lindqvist"
    assert manager("maya.lindqvist") is None
