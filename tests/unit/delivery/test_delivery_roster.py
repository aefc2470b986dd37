"""Who of the people is whom in a CRM."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.delivery.crm.model import Owner
from services.delivery.crm.roster import Person, compare

ANA = Person("ana", "Ana@x.example")


def owner(id_: str, email: str | None, active: bool = True) -> Owner:
    return Owner(id_, f"Owner {id_}", email, active)


def test_the_id_of_teams_yaml_comes_before_the_address() -> None:
    person = Person("ana", "ana@x.example", "711")
    roster = compare([person], [owner("711", "other@x.example"), owner("712", "ana@x.example")])
    [match] = roster.reps
    assert (match.owner_id, match.found_by) == ("711", "teams.yaml")
    assert match.note == "by address it would be 712"
    assert [one.owner_id for one in roster.strangers] == ["712"]


def test_an_id_that_the_crm_does_not_have_is_said() -> None:
    [match] = compare([Person("ana", "ana@x.example", "999")], []).reps
    assert (match.found_by, match.is_found) == ("unknown_id", False)


def test_of_two_owners_with_one_address_the_active_one_counts() -> None:
    [match] = compare([ANA], [owner("1", "ana@x.example", False), owner("2", "ANA@X.example")]).reps
    assert (match.owner_id, match.found_by) == ("2", "email")
    [match] = compare([ANA], [owner("1", "ana@x.example", False)]).reps
    assert match.found_by == "inactive"


OWNERS = st.lists(
    st.builds(
        owner, st.sampled_from("123456"), st.sampled_from(["a@x.example", "b@x.example", None]),
        st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: one.owner_id,
)  # fmt: skip
PEOPLE = st.lists(
    st.builds(
        Person, st.sampled_from("pqr"), st.sampled_from(["A@x.example", "b@x.example"]),
        st.one_of(st.none(), st.sampled_from("123456")),
    ),
    max_size=4,
)  # fmt: skip


@given(people=PEOPLE, owners=OWNERS)
def test_everybody_is_told_of_and_no_active_owner_is_forgotten(
    people: list[Person], owners: list[Owner]
) -> None:
    roster = compare(people, owners)
    assert [one.rep for one in roster.reps] == [one.rep_id for one in people]
    taken = {one.owner_id for one in roster.reps}
    strangers = {one.owner_id for one in roster.strangers}
    assert strangers == {one.owner_id for one in owners if one.active} - taken
    active = {one.owner_id for one in owners if one.active}
    assert all(one.owner_id in active for one in roster.reps if one.is_found)
