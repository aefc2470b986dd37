"""Who a submission is of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.capture.normalize import Who
from services.capture.people import Known, resolve, tokens_of
from services.kernel.identity import normalise_email

SECRET = b"secret"
AT = datetime(2026, 11, 23, tzinfo=UTC)


class Book:
    """The stored identities, as the consumer keeps them."""

    def __init__(self) -> None:
        self.known: dict[UUID, Known] = {}
        self.hour = 0

    def submit(
        self, email: str | None = None, phone: str | None = None, external: str | None = None
    ) -> UUID:
        self.hour += 1
        who = Who(normalise_email(email), phone, external)
        tokens = tokens_of(who, secret=SECRET, source="web", delivery_key=str(self.hour))
        at = AT + timedelta(hours=self.hour)
        for token in tokens.all:
            self.known.setdefault(token, Known(token, token, at, fresh=True))
        found = resolve(tokens, self.known)
        for one in found.changed:
            self.known[one.token] = one
        for token in tokens.all:
            self.known[token] = replace(self.known[token], fresh=False)
        return found.lead_id


def test_a_phone_that_came_with_an_address_finds_the_person_again() -> None:
    book = Book()
    lead = book.submit("a@x.example", "+491")
    assert book.submit(phone="+491") == lead
    assert book.submit("a@x.example") == lead


def test_an_address_that_is_new_takes_the_id_of_the_phone_it_came_with() -> None:
    book = Book()
    by_phone = book.submit(phone="+491")
    assert book.submit("a@x.example", "+491") == by_phone
    assert book.submit("a@x.example") == by_phone


def test_an_address_keeps_the_id_that_it_has() -> None:
    older, younger = Book(), Book()
    older.submit(phone="+491")
    by_mail = older.submit("a@x.example")
    assert younger.submit("a@x.example") == by_mail
    assert younger.submit(phone="+491") != by_mail
    for book in (older, younger):
        assert book.submit("a@x.example", "+491") == by_mail
        assert book.submit(phone="+491") == by_mail


def test_nobody_gets_the_lead_of_an_address_by_a_phone_that_others_gave_as_well() -> None:
    book = Book()
    a = book.submit(phone="+491")
    assert book.submit("a@x.example", "+491") == a
    b = book.submit("b@x.example", "+491")
    strangers = {book.submit(phone="+491") for _ in range(3)}
    assert len(strangers | {a, b}) == 5


def test_a_phone_that_two_addresses_gave_merges_nobody() -> None:
    book = Book()
    a = book.submit("a@x.example", "+491")
    b = book.submit("b@x.example", "+491")
    c = book.submit("c@x.example", "+491")
    assert len({a, b, c}) == 3
    assert book.submit(phone="+491") not in {a, b, c}
    assert book.submit("a@x.example", "+491") == a


def test_an_address_that_several_people_read_is_linked_to_no_phone() -> None:
    book = Book()
    office = book.submit("info@x.example", "+491")
    assert book.submit(phone="+491") != office
    person = book.submit("a@x.example", "+491")
    assert person != office


def test_two_phones_of_one_person() -> None:
    book = Book()
    lead = book.submit("a@x.example", "+491")
    assert book.submit("a@x.example", "+492") == lead
    assert book.submit(phone="+491") == book.submit(phone="+492") == lead


def test_an_external_id_is_the_sources_own() -> None:
    book = Book()
    assert book.submit(external="42") == book.submit(external="42")
    other = tokens_of(Who(None, None, "42"), secret=SECRET, source="b", delivery_key="k")
    mine = tokens_of(Who(None, None, "42"), secret=SECRET, source="a", delivery_key="k")
    assert other.other != mine.other


def test_whoever_leaves_nothing_personal_is_a_person_of_their_own() -> None:
    book = Book()
    assert book.submit() != book.submit()


_ADDRESSES = ("a@x.example", "b@x.example", "c@y.example", "info@x.example")
_PHONES = ("+491", "+492")


@given(
    st.lists(
        st.tuples(st.none() | st.sampled_from(_ADDRESSES), st.none() | st.sampled_from(_PHONES)),
        max_size=30,
    )
)
def test_two_addresses_never_share_a_lead_and_none_ever_loses_its_own(
    submissions: list[tuple[str | None, str | None]],
) -> None:
    book = Book()
    owner: dict[UUID, str] = {}
    lead_of: dict[str, UUID] = {}
    given_with: dict[str, set[str]] = {phone: set() for phone in _PHONES}
    for email, phone in submissions:
        lead = book.submit(email, phone)
        if email is not None:
            assert lead_of.setdefault(email, lead) == lead
            assert owner.setdefault(lead, email) == email
            if phone is not None and email != "info@x.example":
                given_with[phone].add(email)
        elif phone is not None:
            givers = given_with[phone]
            assert lead not in lead_of.values() or len(givers) == 1
            assert owner.get(lead) in {None, *givers}
            assert owner.get(lead) != "info@x.example"
