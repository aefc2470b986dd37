"""Who a submission is of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.capture.normalize import Who
from services.capture.people import Known, Resolution, Tokens, resolve, tokens_of
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
            self.known.setdefault(token, Known(token, token, at))
        found = self.resolve(tokens)
        return found.lead_id

    def resolve(self, tokens: Tokens) -> Resolution:
        found = resolve(tokens, self.known)
        for one in found.changed:
            self.known[one.token] = one
        for token, one in self.known.items():
            if one.lead_id == found.replaced:
                self.known[token] = Known(token, found.lead_id, one.since, one.email_token)
        return found


def test_a_phone_that_came_with_an_address_finds_the_person_again() -> None:
    book = Book()
    lead = book.submit("a@x.example", "+491")
    assert book.submit(phone="+491") == lead
    assert book.submit("a@x.example") == lead


def test_the_older_id_stays_when_an_address_joins_a_known_phone() -> None:
    book = Book()
    by_phone = book.submit(phone="+491")
    assert book.submit("a@x.example", "+491") == by_phone
    assert book.submit("a@x.example") == by_phone


def test_the_older_of_two_known_ids_stays_for_everything_the_younger_had() -> None:
    book = Book()
    by_mail = book.submit("a@x.example")
    by_phone = book.submit(phone="+491")
    assert by_mail != by_phone
    assert book.submit("a@x.example", "+491") == by_mail
    assert book.submit(phone="+491") == by_mail


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
