"""What a language says about a country, and that it is the last to be asked."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from schemas.lead import Lead
from services.enrichment.offline import derive
from services.enrichment.offline.languages import country


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ("de-AT", "AT"),
        ("fr-CH,fr;q=0.9,en;q=0.8", "CH"),
        ("pt_BR", "BR"),
        ("zh-Hans-SG", "SG"),
        ("ja", "JP"),
        ("pl", "PL"),
        ("de", None),
        ("en-US", None),
        ("en-GB", "GB"),
        ("english", None),
        ("", None),
        ("x" * 500, None),
    ],
)
def test_a_language_may_point_to_a_country(answer: str, where: str | None) -> None:
    assert country({"browser_language": answer}) == where


def test_other_answers_are_no_language() -> None:
    assert country({"programming": "pl"}) is None


@pytest.mark.parametrize(
    ("known", "where", "evidence"),
    [
        ({"country": "FR", "phone": "+4930123456", "email": "a@firma.it"}, "FR", "form"),
        ({"phone": "+4930123456", "email": "a@firma.it"}, "DE", "derived:phone"),
        ({"email": "a@firma.it"}, "IT", "derived:tld"),
        ({"email": "a@firma.com"}, "AT", "derived:language"),
    ],
)
def test_each_evidence_is_surer_than_the_next(
    known: dict[str, str], where: str, evidence: str
) -> None:
    lead = Lead.model_validate(
        {"lead_id": UUID(int=1), "account_key": "k", "fields": {"locale": "de-AT"}, **known}
    )
    fact = derive(lead, datetime.now(UTC))["country"]
    assert (fact.value, fact.source) == (where, evidence)
