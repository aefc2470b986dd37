"""Identity: one spelling per mailbox and number, never one for two people."""

from __future__ import annotations

import pytest

from services.kernel.identity import (
    EmailClass,
    PhoneType,
    account_key,
    email_class,
    impossible_phone,
    is_role_address,
    lead_id,
    normalise_email,
    normalise_phone,
    personal_phone,
    phone_country,
    phone_type,
    registrable_domain,
    secret_fingerprint,
)

SECRET = b"a secret of this installation"


def _email(raw: str):
    found = normalise_email(raw)
    assert found is not None, raw
    return found


@pytest.mark.parametrize(
    ("raw", "address", "identity"),
    [
        ("  Ana.B@ACME.example ", "ana.b@acme.example", "ana.b@acme.example"),
        ("Ana.B+x@GoogleMail.com", "ana.b+x@googlemail.com", "anab@gmail.com"),
        ("a.b+c@outlook.com", "a.b+c@outlook.com", "a.b@outlook.com"),
        ("a+c@fastmail.com", "a+c@fastmail.com", "a@fastmail.com"),
        ("a.b+c@acme.com", "a.b+c@acme.com", "a.b+c@acme.com"),
        ("a.b@notgmail.com", "a.b@notgmail.com", "a.b@notgmail.com"),
        ("+tag@gmail.com", "+tag@gmail.com", "+tag@gmail.com"),
        ("a.+tag@outlook.com", "a.+tag@outlook.com", "a.+tag@outlook.com"),
        ("a.+tag@gmail.com", "a.+tag@gmail.com", "a@gmail.com"),
        ("u\u0308@Stra\u00dfe.de", "\u00fc@xn--strae-oqa.de", "\u00fc@xn--strae-oqa.de"),
        ("x@acme.test", "x@acme.test", "x@acme.test"),
    ],
)
def test_an_address_gets_one_spelling(raw: str, address: str, identity: str) -> None:
    found = _email(raw)
    assert (found.address, found.identity) == (address, identity)
    assert found.original == raw.strip()
    assert found.address == f"{found.local}@{found.domain}"


@pytest.mark.parametrize(
    "raw", [None, "", "  ", "ana", "ana@", "@acme.com", "a b@acme.com", "a@b", "a@localhost",
            "a@[127.0.0.1]", "a@acme..com", "a@acme.com, b@acme.com", "a" * 250 + "@acme.com"]
)  # fmt: skip
def test_what_is_no_address_is_none(raw: str | None) -> None:
    assert normalise_email(raw) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("strauss@acme.de", "strau\u00df@acme.de"),
        ("ana@strasse.de", "ana@stra\u00dfe.de"),
        ("a.b@outlook.com", "ab@outlook.com"),
        ("a.b@acme.com", "ab@acme.com"),
        ("a+b@acme.com", "a@acme.com"),
        ("ana@hotmail.com", "ana@outlook.com"),
        ("ana@icloud.com", "ana@me.com"),
    ],
)
def test_addresses_of_two_mailboxes_stay_two(one: str, other: str) -> None:
    assert _email(one).identity != _email(other).identity


@pytest.mark.parametrize(
    ("local", "role"),
    [("sales", True), ("no-reply", True), ("Info", True), ("hr+jobs", True), ("vertrieb", True),
     ("ana", False), ("ana.sales", False), ("salesman", False)],
)  # fmt: skip
def test_role_addresses_are_whole_words(local: str, role: bool) -> None:
    assert is_role_address(local) is role


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("acme.com", "acme.com"),
        ("MAIL.Acme.co.uk.", "acme.co.uk"),
        ("a.b.acme.example", "acme.example"),
        ("shop.acme.uk.com", "acme.uk.com"),
        ("acme.github.io", "acme.github.io"),
        ("github.io", "github.io"),
        ("mail.stra\u00dfe.de", "xn--strae-oqa.de"),
        ("co.uk", None),
        ("localhost", None),
        ("10.0.0.1", None),
        ("a b.com", None),
        ("", None),
        (None, None),
    ],
)
def test_the_registrable_domain(host: str | None, domain: str | None) -> None:
    assert registrable_domain(host) == domain


def test_a_longer_name_is_another_company() -> None:
    assert registrable_domain("realacme.com") != registrable_domain("acme.com")


@pytest.mark.parametrize(
    ("domain", "verdict"),
    [
        ("acme.example", EmailClass.BUSINESS),
        ("gmail.com", EmailClass.FREE),
        ("hey.com", EmailClass.FREE),
        ("tutanota.com", EmailClass.FREE),
        ("privaterelay.appleid.com", EmailClass.FREE),
        ("appleid.com", EmailClass.BUSINESS),
        ("notgmail.com", EmailClass.BUSINESS),
        ("yopmail.com", EmailClass.DISPOSABLE),
        ("mail.YOPMAIL.com", EmailClass.DISPOSABLE),
    ],
)
def test_the_class_of_a_domain(domain: str, verdict: EmailClass) -> None:
    assert email_class(domain) is verdict


@pytest.mark.parametrize(
    ("raw", "country", "e164"),
    [
        ("(202) 555-0123", "US", "+12025550123"),
        ("(202) 555-0123", "us", "+12025550123"),
        ("+49 30 901820", "US", "+4930901820"),
        ("0049 30 901820", None, "+4930901820"),
        ("030 901820", "DE", "+4930901820"),
        ("030 901820", None, None),
        ("123", "US", None),
        ("call me", "US", None),
        ("", None, None),
        (None, "US", None),
        ("+12025550123", "XX", "+12025550123"),
    ],
)
def test_a_number_gets_one_spelling(raw: str | None, country: str | None, e164: str | None) -> None:
    assert normalise_phone(raw, country) == e164


@pytest.mark.parametrize(
    ("raw", "personal"),
    [("+12025550123", True), ("+12025550123 ext. 4", False), ("+18005550199", False)],
)
def test_a_switchboard_is_nobody(raw: str, personal: bool) -> None:
    assert normalise_phone(raw) is not None
    assert (personal_phone(raw) is not None) is personal


def test_facts_of_a_number() -> None:
    assert (phone_country("+4930901820"), phone_type("+4930901820")) == ("DE", PhoneType.FIXED)
    assert phone_type("+18005550199") is PhoneType.TOLL_FREE
    assert phone_country("+80012345678") is None, "international toll-free has no country"
    assert (phone_country("nonsense"), phone_type("nonsense")) == (None, None)


def test_the_lead_id_is_frozen() -> None:
    """Data lives under these ids: a change here orphans every stored lead."""
    found = lead_id(SECRET, _email("ana@acme.example"), None, "api", None)
    assert str(found) == "b5647ade-a157-806b-aad1-ee81919a5fab"
    assert (found.version, found.variant) == (8, "specified in RFC 4122")


def test_the_mailbox_decides_before_phone_and_external_id() -> None:
    plain = lead_id(SECRET, _email("ana@gmail.com"), None, "api", None)
    assert plain == lead_id(SECRET, _email("A.N.A+x@googlemail.com"), "+12025550123", "web", "7")
    by_phone = lead_id(SECRET, None, "+12025550123", "api", None)
    assert by_phone == lead_id(SECRET, None, "+12025550123", "web", "7")
    assert len({plain, by_phone, lead_id(SECRET, None, None, "web", "7")}) == 3


def test_an_external_id_belongs_to_its_source() -> None:
    ids = {
        lead_id(SECRET, None, None, source, external)
        for source, external in (("a", "bc"), ("ab", "c"), ("web", "+12025550123"))
    }
    assert len(ids | {lead_id(SECRET, None, "+12025550123", "web", None)}) == 4


def test_the_secret_decides_the_id_and_is_not_in_its_fingerprint() -> None:
    email = _email("ana@acme.example")
    assert lead_id(SECRET, email, None, "api", None) != lead_id(b"x", email, None, "api", None)
    assert secret_fingerprint(SECRET) != secret_fingerprint(b"x")
    assert len(secret_fingerprint(SECRET)) == 16


def test_a_lead_needs_something_to_be_known_by() -> None:
    with pytest.raises(ValueError, match="external id"):
        lead_id(SECRET, None, None, "api", None)
    with pytest.raises(ValueError, match="secret"):
        lead_id(b"", _email("ana@acme.example"), None, "api", None)


def test_colleagues_share_an_account_and_strangers_do_not() -> None:
    ana, bob = _email("ana@acme.example"), _email("bob@mail.acme.example")
    lead = lead_id(SECRET, ana, None, "api", None)
    assert account_key(ana, lead) == account_key(bob, lead) == "acme.example"
    for stranger in (_email("ana@gmail.com"), _email("ana@yopmail.com"), None):
        assert account_key(stranger, lead) == str(lead)


def test_a_number_as_short_as_five_digits_is_possible_where_its_country_has_it() -> None:
    assert normalise_phone("30000", "DE") == "+4930000"
    assert not impossible_phone("30000", "DE")
    assert impossible_phone("30000", "US")
    assert impossible_phone("30000")
