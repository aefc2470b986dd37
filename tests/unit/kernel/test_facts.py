"""Facts: what an event says, by the names that rules use."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from schemas.base import ChannelName, KindName, Lane, Motion, Provenance, TierName
from schemas.enrichment import LeadEnriched
from schemas.lead import Lead, Repeat, Utm
from schemas.score import LeadScored, Score
from services.kernel.conditions import Condition
from services.kernel.facts import (
    ENRICHED_FIELDS,
    FACT_OF_FIELD,
    FIELDS,
    as_of,
    facts_of,
    without_identifiers,
)
from services.kernel.fields import FieldKind

AT = datetime(2026, 11, 23, 9, tzinfo=UTC)
LEAD = Lead(
    lead_id=UUID(int=1),
    account_key="acme.example",
    email="ana@mail.acme.example",
    company="Acme",
    country="PT",
    phone="+351211234567",
    message="",
    utm=Utm(source="google"),
    fields={"team_size": "11-50"},
)


def enriched(**facts: object) -> LeadEnriched:
    return LeadEnriched(
        submission_id=UUID(int=2),
        causation_id=None,
        received_at=AT,
        lane=Lane.LIVE,
        motion=Motion.INBOUND,
        channel=ChannelName.PAID_SEARCH,
        source="website",
        kind=KindName.DEMO_REQUEST,
        lead=LEAD,
        repeat=Repeat.FIRST,
        touch=1,
        submitted_at=AT,
        lead_revision=1,
        facts={
            name: Provenance(value=value, source="form", at=AT)  # type: ignore[arg-type]
            for name, value in facts.items()
        },
        complete=True,
        late=False,
    )


def scored(**facts: object) -> LeadScored:
    data = enriched(**facts).model_dump(exclude={"complete"})
    return LeadScored.model_validate(
        data
        | {
            "score_revision": 1,
            "score": Score(fit=4_250, intent=3_000, total=7_250),
            "tier": TierName.HOT,
            "mql": True,
            "ledger": (),
            "scoring_version": "v",
        }
    )


def test_what_the_event_says() -> None:
    event = enriched(email_class="business", headcount=450, email_role=False)
    facts = facts_of(event)
    assert facts == {
        "kind": "demo_request",
        "source": "website",
        "channel": "paid_search",
        "motion": "inbound",
        "lane": "live",
        "touch": 1,
        "lead.email": "ana@mail.acme.example",
        "lead.email_domain": "mail.acme.example",
        "lead.company": "Acme",
        "lead.country": "PT",
        "lead.phone": "+351211234567",
        "utm.source": "google",
        "lead.fields.team_size": "11-50",
        "email.class": "business",
        "email.role": False,
        "company.headcount": 450,
        "submitted_at": event.submitted_at.timestamp(),
        "now": event.received_at.timestamp(),
    }


def test_words_and_moments_of_providers() -> None:
    facts = facts_of(enriched(technologies=["Kafka", " "], role_confirmed_at="2026-03-01"))
    assert facts["company.technologies"] == ["Kafka"]
    assert facts["person.role_confirmed_at"] == datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert "person.role_confirmed_at" not in facts_of(enriched(role_confirmed_at="last spring"))


def test_what_happened_is_kept_newest_first_and_bounded() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    rows = [{"kind": "page_view", "at": float(at)} for at in range(600)]
    facts = as_of({"kind": "chat"}, now, rows)
    assert facts["now"] == now.timestamp()
    assert facts["activities"] == rows[:99:-1]
    assert "activities" not in as_of({}, now)


def test_scores_are_points() -> None:
    facts = facts_of(scored())
    assert facts["score.fit"] == 42.5
    assert (facts["score.intent"], facts["score.total"]) == (30, 72.5)
    assert (facts["tier"], facts["mql"]) == ("hot", True)
    assert Condition({"score.total": {"gte": 72.5}, "tier": "hot"})(facts) is True


def test_a_fact_of_another_type_is_missing_not_wrong() -> None:
    facts = facts_of(
        enriched(headcount="51-200", email_role="maybe", industry=["a", "b"], seniority=" ")
    )
    assert not {"company.headcount", "email.role", "company.industry"} & set(facts)
    assert "person.seniority" not in facts


@pytest.mark.parametrize(
    ("value", "number"), [("450", 450), (" 1e3 ", 1_000), ("4.5", 4.5), ("nan", None), (True, None)]
)
def test_a_provider_may_write_numbers_as_text(value: object, number: float | None) -> None:
    assert facts_of(enriched(headcount=value)).get("company.headcount") == number


def test_every_fact_has_a_field_of_its_type() -> None:
    types = {
        FieldKind.NUMBER: (int, float),
        FieldKind.FLAG: (bool,),
        FieldKind.TEXT: (str,),
        FieldKind.CHOICE: (str,),
        FieldKind.COUNTRY: (str,),
        FieldKind.INSTANT: (float,),
        FieldKind.TAGS: (list,),
    }
    for name, value in facts_of(scored(headcount=3, email_role=True, country="PT")).items():
        field = FIELDS.find(name)
        assert field is not None, name
        assert type(value) in types[field.kind], name


def test_every_field_can_be_filled_and_is_described() -> None:
    assert len(FIELDS.names) == len(set(FIELDS.names))
    assert all(field.description for field in FIELDS)
    assert all(field.values for field in FIELDS if field.kind is FieldKind.CHOICE)
    assert set(FACT_OF_FIELD) < set(FIELDS.names)
    assert "tier" in FIELDS
    assert "tier" not in ENRICHED_FIELDS
    assert "lead.fields.anything" in ENRICHED_FIELDS


def test_stored_facts_identify_nobody() -> None:
    kept = without_identifiers(facts_of(scored(email_class="business")))
    assert "ana@" not in repr(kept)
    assert "+351" not in repr(kept)
    assert kept["email.class"] == "business"
    assert kept["lead.email_domain"] == "mail.acme.example"
