"""Who somebody is in a purchase, and what is missing of a committee."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.scoring.committee import BuyingRole, Person, account_score, committee, role_of


@pytest.mark.parametrize(
    ("seniority", "department", "role"),
    [
        ("c_suite", "general_management", BuyingRole.ECONOMIC_BUYER),
        ("vp", "sales", BuyingRole.ECONOMIC_BUYER),
        ("vp", None, BuyingRole.ECONOMIC_BUYER),
        ("director", "finance", BuyingRole.ECONOMIC_BUYER),
        ("c_suite", "security", BuyingRole.TECHNICAL_EVALUATOR),
        ("ic", "it", BuyingRole.TECHNICAL_EVALUATOR),
        (None, "procurement", BuyingRole.TECHNICAL_EVALUATOR),
        ("director", "revenue_operations", BuyingRole.CHAMPION),
        ("manager", None, BuyingRole.CHAMPION),
        ("ic", "sales", BuyingRole.USER),
        (None, "marketing", BuyingRole.USER),
        ("student", "it", BuyingRole.UNKNOWN),
        (None, None, BuyingRole.UNKNOWN),
    ],
)
def test_roles(seniority: str | None, department: str | None, role: BuyingRole) -> None:
    assert role_of(seniority, department) is role


def person(number: int, seniority: str | None, department: str | None, total: int = 0) -> Person:
    return Person(UUID(int=number), seniority, department, total, "warm")


def test_a_committee_names_who_is_missing() -> None:
    found = committee([person(1, "ic", "it", 40_00), person(2, None, None, 20_00)])
    assert found.roles[UUID(int=2)] is BuyingRole.UNKNOWN
    assert found.missing == (BuyingRole.ECONOMIC_BUYER, BuyingRole.CHAMPION)
    assert (found.people, found.completeness, found.score) == (1, 0.17, 50_00)


def test_six_of_one_sort_are_no_committee() -> None:
    users = [person(number, "ic", "sales") for number in range(6)]
    assert committee(users).completeness == 0.5
    whole = [*users[:3], person(7, "vp", None), person(8, "head", "sales"), person(9, None, "it")]
    assert (committee(whole).completeness, committee(whole).missing) == (1.0, ())


def test_many_small_leads_never_outweigh_a_good_one() -> None:
    assert account_score([80_00]) > account_score([40_00 - 1] * 50)
    assert account_score([10_00, -50_00]) == 10_00
    assert account_score([]) == 0
