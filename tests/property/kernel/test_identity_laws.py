"""Laws of identity: normalising twice is normalising once, and strangers are never merged."""

from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.identity import (
    account_key,
    email,
    email_class,
    impossible_phone,
    lead_id,
    normalise_email,
    normalise_phone,
    registrable_domain,
)
from services.kernel.identity.providers import PROVIDERS

SECRET = b"installation"
few = settings(max_examples=150, deadline=None)

locals_ = st.one_of(
    st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._+-]{0,12}[A-Za-z0-9])?", fullmatch=True),
    st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12),
)
known_domains = st.sampled_from(
    [domain for provider in PROVIDERS for domain in provider.domains]
    + ["acme.example", "acme.co.uk", "stra\u00dfe.de", "strasse.de", "b\u00fccher.example"]
)
domains = known_domains | st.from_regex(
    r"[a-z][a-z0-9]{1,8}\.(com|de|example|co\.uk)", fullmatch=True
)
addresses = st.builds("{}@{}".format, locals_, domains)


@few
@given(addresses)
def test_normalising_an_address_twice_is_normalising_once(raw: str) -> None:
    once = normalise_email(raw)
    if once is not None:
        twice = normalise_email(once.address)
        assert twice is not None
        assert (twice.address, twice.identity) == (once.address, once.identity)
        identity = normalise_email(once.identity)
        assert identity is not None
        assert identity.identity == once.identity


@few
@given(st.text(max_size=40) | addresses)
def test_any_text_is_an_address_or_none(raw: str) -> None:
    found = normalise_email(raw)
    if found is not None:
        assert found.domain.isascii()
        assert found.domain == found.domain.lower()


@few
@given(addresses, st.sampled_from([str.upper, str.title, str.strip, str.swapcase]))
def test_how_an_ascii_address_is_typed_does_not_matter(raw: str, typed) -> None:
    one, other = normalise_email(raw), normalise_email(f" {typed(raw)}\t")
    if raw.isascii():
        assert (one and one.identity) == (other and other.identity)


spellings = st.sampled_from(["ana", "a.na", "an.a", "ana+x", "a.na+y", "ANA", "ana-x", "\u00e1na"])
neighbours = st.sampled_from([*(one.domains for one in PROVIDERS), ("acme.de", "acme.example")])
pairs = neighbours.flatmap(lambda these: st.tuples(*[st.sampled_from(these)] * 2))


@few
@given(spellings, spellings, pairs)
def test_strangers_are_never_merged(one: str, other: str, where: tuple[str, str]) -> None:
    a, b = normalise_email(f"{one}@{where[0]}"), normalise_email(f"{other}@{where[1]}")
    if a is None or b is None or a.identity != b.identity:
        return
    # Whatever was merged must differ only in what the provider of both ignores.
    assert _mailbox(a.local, a.domain) == _mailbox(b.local, b.domain)


def _mailbox(local: str, domain: str) -> tuple[str, str]:
    """The same rule, written from what the providers document instead of from the table."""
    domain = {"googlemail.com": "gmail.com"}.get(domain, domain)
    if any(domain in provider.domains for provider in PROVIDERS) and not local.startswith("+"):
        local = local.partition("+")[0]
    if domain == "gmail.com":
        local = local.replace(".", "")
    return local, domain


@few
@given(addresses, st.binary(min_size=1, max_size=8))
def test_the_lead_id_hangs_on_the_mailbox_and_the_secret_alone(raw: str, secret: bytes) -> None:
    email = normalise_email(raw)
    if email is None:
        return
    found = lead_id(secret, email, None, "api", None)
    again = normalise_email(email.identity)
    assert found == lead_id(secret, again, "+12025550123", "other", "7")
    assert found.version == 8


@few
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["phone", "external"]),
            st.text(min_size=1, max_size=6),
            st.text(min_size=1, max_size=6),
        ),
        min_size=2,
        max_size=2,
        unique=True,
    )
)
def test_two_things_never_give_one_id(pair: list[tuple[str, str, str]]) -> None:
    def known_by(kind: str, source: str, text: str):
        return (kind, text) if kind == "phone" else (kind, source, text)

    ids = [
        lead_id(SECRET, None, text, source, None)
        if kind == "phone"
        else lead_id(SECRET, None, None, source, text)
        for kind, source, text in pair
    ]
    same = known_by(*pair[0]) == known_by(*pair[1])
    assert (ids[0] == ids[1]) is same


@few
@given(st.text(max_size=30) | domains)
def test_the_registrable_domain_of_a_registrable_domain_is_itself(host: str) -> None:
    found = registrable_domain(host)
    if found is not None:
        assert registrable_domain(found) == found
        assert registrable_domain(f"mail.{found}") in (found, f"mail.{found}")


@few
@given(domains)
def test_a_subdomain_has_the_class_of_its_domain(domain: str) -> None:
    if registrable_domain(f"mail.{domain}") == registrable_domain(domain):
        assert email_class(f"mail.{domain}") is email_class(domain)


@few
@given(addresses)
def test_an_account_key_is_a_domain_or_the_lead(raw: str) -> None:
    email = normalise_email(raw)
    if email is not None:
        lead = lead_id(SECRET, email, None, "api", None)
        assert account_key(email, lead) in (str(lead), registrable_domain(email.domain))


@few
@given(
    st.from_regex(r"\+?[0-9 ()./-]{5,18}", fullmatch=True),
    st.sampled_from(["US", "DE", "GB", "BR", "IN", None]),
)
def test_normalising_a_number_twice_is_normalising_once(raw: str, country: str | None) -> None:
    once = normalise_phone(raw, country)
    if once is not None:
        assert normalise_phone(once, country) == once
        assert normalise_phone(once, None) == once
        assert once.startswith("+")
        assert once[1:].isdigit()


@few
@given(
    st.text(st.characters(categories=("L",)), min_size=1, max_size=10),
    st.sampled_from(["b\u00fccher.example", "stra\u00dfe.de", "caf\u00e9.com"]),
)
def test_how_an_international_address_is_encoded_does_not_matter(local: str, domain: str) -> None:
    written = f"{local}@{domain}"
    spellings = [unicodedata.normalize(form, written) for form in ("NFC", "NFD")]
    found = [one for one in map(normalise_email, spellings) if one is not None]
    if found:
        ascii_form = normalise_email(f"{found[0].local}@{found[0].domain}")
        assert ascii_form is not None
        assert {one.identity for one in found} == {ascii_form.identity}


@few
@given(
    st.from_regex(r"\+?[0-9 ()./-]{0,18}", fullmatch=True),
    st.sampled_from(["US", "DE", "GB", "BR", "IN", None]),
)
def test_no_number_that_is_known_is_impossible(raw: str, country: str | None) -> None:
    number = normalise_phone(raw, country)
    if number is not None and len(set(number[1:])) > 1:
        assert not impossible_phone(raw, country)
        assert not impossible_phone(number)


_PIECES = st.sampled_from(["a", "b1", "Z", "9", ".", "-", "_", "+", "\u00e9", " ", '"', "x" * 30])
_LABELS = st.sampled_from(["a", "b1", "Z", "9", "-", ".", "xn--", "_", "x" * 30])
_NEARLY = st.builds(
    "{}@{}.{}".format,
    st.lists(_PIECES, min_size=1, max_size=4).map("".join),
    st.lists(_LABELS, min_size=1, max_size=3).map("".join),
    st.sampled_from(["com", "example", "test", "local", "onion", "invalid", "c", "c1", "co.uk"]),
)


@settings(max_examples=500, deadline=None)
@given(_NEARLY)
def test_an_address_that_is_read_at_a_glance_is_what_the_validator_makes_of_it(text: str) -> None:
    glance = email._plain(text)
    assert glance is None or glance == email._validated(text)


def test_most_addresses_are_read_at_a_glance() -> None:
    assert email._plain("Ana.Lima+web@firma-7.co.uk") == ("ana.lima+web", "firma-7.co.uk")
