"""The rule language: what its operators mean, and what is said about a wrong rule."""

from __future__ import annotations

import copy
import json

import jsonschema
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from services.kernel.conditions import (
    MAX_DEPTH,
    MAX_NODES,
    Condition,
    ConditionFaults,
    EnrichedCondition,
    Verdict,
)
from services.kernel.faults import Fault

ENTERPRISE = {
    "company.country": ["DE", "FR", "NL"],
    "company.headcount": {"gte": 200},
    "any": [{"person.seniority": ["vp", "c_suite"]}, {"score.total": {"gte": 80}}],
    "not": {"email.class": ["free", "disposable"]},
}


class Rule(BaseModel):
    id: str
    when: Condition | None = None


class Rules(BaseModel):
    rules: list[Rule]


def faults(tree: object, kind: type[Condition] = Condition) -> list[Fault]:
    with pytest.raises(ConditionFaults) as caught:
        kind(tree)
    return caught.value.faults


@pytest.mark.parametrize(
    ("asked", "value", "verdict"),
    [
        ({"lead.company": "Acme"}, "ACME", True),
        ({"lead.company": "STRASSE"}, "straße", True),
        ({"lead.company": "Acme"}, "Acme Ltd", False),
        ({"lead.company": {"ne": "Acme"}}, "Acme Ltd", True),
        ({"lead.company": ["Acme", "Bolt"]}, "bolt", True),
        ({"lead.company": {"not_in": ["Acme", "Bolt"]}}, "bolt", False),
        ({"lead.job_title": {"contains": "sales"}}, "VP Sales", True),
        ({"lead.job_title": {"contains": ["growth", "sales"]}}, "Head of Growth", True),
        ({"lead.job_title": {"contains": ".*"}}, "VP Sales", False),
        ({"lead.job_title": {"starts_with": ["vp", "head"]}}, "VP Sales", True),
        ({"lead.job_title": {"ends_with": "sales"}}, "VP Sales", True),
        ({"lead.job_title": {"ends_with": "sales"}}, "Sales Ops", False),
        ({"company.headcount": 200}, 200, True),
        ({"company.headcount": 200}, 200.0, True),
        ({"company.headcount": {"ne": 200}}, 200, False),
        ({"company.headcount": [1, 2]}, 2, True),
        ({"company.headcount": {"gt": 200}}, 200, False),
        ({"company.headcount": {"gte": 200}}, 200, True),
        ({"company.headcount": {"lt": 200}}, 200, False),
        ({"company.headcount": {"lte": 200}}, 200, True),
        ({"company.headcount": {"between": [50, 200]}}, 200, True),
        ({"company.headcount": {"between": [50, 200]}}, 49, False),
        ({"company.headcount": {"gte": 50, "lt": 200}}, 199, True),
        ({"company.headcount": {"gte": 50, "lt": 200}}, 200, False),
        ({"email.role": True}, True, True),
        ({"email.role": {"ne": True}}, False, True),
        ({"kind": "demo_request"}, "demo_request", True),
        ({"kind": {"not_in": ["demo_request"]}}, "webinar", True),
        ({"lead.country": "de"}, "DE", True),
        ({"lead.fields.team_size": "11-50"}, "11-50", True),
        ({"lead.company": {"exists": True}}, "Acme", True),
        ({"lead.company": {"missing": True}}, "Acme", False),
        ({"lead.company": {"exists": False}}, "Acme", False),
    ],
)
def test_what_an_operator_means(asked: dict[str, object], value: object, verdict: bool) -> None:
    name = next(iter(asked))
    assert Condition(asked)({name: value}) is verdict


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ({"company.headcount": {"gte": 200}}, None),
        ({"company.headcount": {"ne": 200}}, None),
        ({"not": {"company.headcount": {"gte": 200}}}, None),
        ({"company.headcount": {"exists": True}}, False),
        ({"company.headcount": {"missing": True}}, True),
        ({"company.headcount": {"exists": False}}, True),
        ({"all": [{"company.headcount": 1}, {"kind": "webinar"}]}, False),
        ({"all": [{"company.headcount": 1}, {"kind": "chat"}]}, None),
        ({"any": [{"company.headcount": 1}, {"kind": "chat"}]}, True),
        ({"any": [{"company.headcount": 1}, {"kind": "webinar"}]}, None),
    ],
)
def test_what_is_not_known_is_neither_true_nor_false(asked: object, verdict: Verdict) -> None:
    assert Condition(asked)({"kind": "chat"}) is verdict


@pytest.mark.parametrize("value", ["many", True, [450], None])
def test_a_value_of_another_type_is_unknown_and_never_an_error(value: object) -> None:
    assert (
        Condition({"company.headcount": {"between": [1, 999]}})({"company.headcount": value})
        is None
    )
    assert Condition({"company.headcount": [450]})({"company.headcount": value}) is None


@pytest.mark.parametrize(
    ("tree", "path", "message"),
    [
        ({"lead.contry": "DE"}, ("lead.contry",), "did you mean lead.country?"),
        ({"al": [{"kind": "chat"}]}, ("al",), "did you mean all?"),
        ({"kind": "demo_reqest"}, ("kind",), "did you mean demo_request?"),
        ({"kind": ["chat", "x"]}, ("kind", 1), "known: demo_request"),
        ({"company.headcount": {"gte": "200"}}, ("company.headcount", "gte"), "without quotes"),
        ({"company.headcount": True}, ("company.headcount",), "is a number, not true"),
        ({"company.headcount": {"gte": float("nan")}}, ("company.headcount", "gte"), "number"),
        ({"company.headcount": {"contains": 2}}, ("company.headcount", "contains"), "has no"),
        ({"company.headcount": {"gtee": 2}}, ("company.headcount", "gtee"), "did you mean gte?"),
        ({"company.headcount": {"between": [9, 1]}}, ("company.headcount", "between"), "lowest"),
        ({"company.headcount": {"between": [9]}}, ("company.headcount", "between"), "lowest"),
        ({"company.headcount": {}}, ("company.headcount",), "which operator?"),
        ({"lead.company": 7}, ("lead.company",), "in quotes"),
        ({"lead.company": ""}, ("lead.company",), "{missing: true}"),
        ({"lead.company": None}, ("lead.company",), "{missing: true}"),
        ({"lead.company": {"in": "Acme"}}, ("lead.company", "in"), "list of values"),
        ({"lead.company": []}, ("lead.company",), "list of values"),
        ({"lead.company": {"exists": "yes"}}, ("lead.company", "exists"), "true or false"),
        ({"email.role": "yes"}, ("email.role",), "true or false"),
        ({"lead.country": [False]}, ("lead.country", 0), "Norway"),
        ({"lead.country": "UK"}, ("lead.country",), "is GB, not UK"),
        ({"lead.country": "Germany"}, ("lead.country",), "alpha-2"),
        ({"all": {"kind": "chat"}}, ("all",), "takes a list"),
        ({"any": []}, ("any",), "takes a list"),
        ({"all": [{"kind": "x"}]}, ("all", 0, "kind"), "never 'x'"),
        ({"not": [{"kind": "chat"}]}, ("not",), "under all: or any:"),
        ({}, (), "leave it out"),
        ([{"kind": "chat"}], (), "under all: or any:"),
        ("kind", (), "is a mapping"),
        ({7: "x"}, (), "no field name"),
        ({"lead.fields.": "x"}, ("lead.fields.",), "unknown field"),
    ],
)
def test_a_wrong_rule_says_where_and_why(
    tree: object, path: tuple[str | int, ...], message: str
) -> None:
    (fault,) = faults(tree)
    assert fault.path == path
    assert message in fault.message


def test_all_faults_come_at_once() -> None:
    found = faults({"lead.contry": "DE", "any": [{"kind": "x"}, {"touch": "2"}]})
    assert [path for path, _ in found] == [
        ("lead.contry",),
        ("any", 0, "kind"),
        ("any", 1, "touch"),
    ]


def _nested(depth: int) -> dict[str, object]:
    tree: dict[str, object] = {"kind": "chat"}
    for _ in range(depth - 1):
        tree = {"not": tree}
    return tree


def test_depth_and_size_are_bounded() -> None:
    Condition(_nested(MAX_DEPTH))
    assert "levels" in faults(_nested(MAX_DEPTH + 1))[0].message
    Condition({"any": [{"kind": "chat"}] * (MAX_NODES - 1)})
    assert "more than" in faults({"any": [{"kind": "chat"}] * MAX_NODES})[0].message


def test_a_tree_that_repeats_itself_stops_early() -> None:
    tree: dict[str, object] = {"kind": "chat"}
    for _ in range(6):
        tree = {"all": [tree] * 50}
    assert len(faults(tree)) == 1


def test_scoring_cannot_ask_for_its_own_result() -> None:
    assert "unknown field" in faults({"score.total": {"gte": 1}}, EnrichedCondition)[0].message
    assert EnrichedCondition({"kind": "chat"})({"kind": "chat"}) is True


def test_the_fields_that_a_rule_reads() -> None:
    assert Condition(ENTERPRISE).fields == {
        "company.country",
        "company.headcount",
        "person.seniority",
        "score.total",
        "email.class",
    }


def test_the_trace_names_every_question_by_its_pointer() -> None:
    facts = {"company.country": "DE", "company.headcount": 450, "email.class": "business"}
    trace = Condition(ENTERPRISE).explain(facts).as_dict()
    assert json.loads(json.dumps(trace)) == {
        "path": "",
        "op": "all",
        "result": None,
        "of": [
            {"path": "/company.country", "field": "company.country", "op": "in",
             "want": ["DE", "FR", "NL"], "got": "DE", "result": True},
            {"path": "/company.headcount/gte", "field": "company.headcount", "op": "gte",
             "want": 200, "got": 450, "result": True},
            {"path": "/any", "op": "any", "result": None, "of": [
                {"path": "/any/0/person.seniority", "field": "person.seniority", "op": "in",
                 "want": ["vp", "c_suite"], "got": None, "result": None},
                {"path": "/any/1/score.total/gte", "field": "score.total", "op": "gte",
                 "want": 80, "got": None, "result": None}]},
            {"path": "/not", "op": "not", "result": True, "of": [
                {"path": "/not/email.class", "field": "email.class", "op": "in",
                 "want": ["free", "disposable"], "got": "business", "result": False}]},
        ],
    }  # fmt: skip


def test_the_trace_names_what_decided() -> None:
    facts = {"company.country": "US", "company.headcount": 450, "email.class": "free"}
    deciding = [one.path for one in Condition(ENTERPRISE).explain(facts).deciding()]
    assert deciding == ["/company.country", "/not/email.class"]


def test_a_trace_keeps_what_identifies_a_person_to_itself() -> None:
    condition = Condition({"lead.email": {"ends_with": "@acme.example"}, "kind": "chat"})
    trace = condition.explain({"lead.email": "ana@acme.example", "kind": "chat"})
    assert "ana@" not in json.dumps(trace.as_dict()) + "\n".join(trace.lines())
    assert "ana@" in json.dumps(trace.as_dict(identifiers=True))


def test_a_configuration_model_reports_the_path_within_the_tree() -> None:
    data = {
        "rules": [{"id": "a"}, {"id": "b", "when": {"any": [{"lead.contry": "DE"}], "kind": 1}}]
    }
    with pytest.raises(ValidationError) as caught:
        Rules.model_validate(data)
    assert [error["loc"] for error in caught.value.errors()] == [
        ("rules", 1, "when", "any", 0, "lead.contry"),
        ("rules", 1, "when", "kind"),
    ]


def test_a_condition_is_written_as_it_was_read() -> None:
    rules = Rules.model_validate({"rules": [{"id": "a", "when": ENTERPRISE}]})
    again = Rules.model_validate_json(rules.model_dump_json())
    assert again == rules
    assert again.model_dump()["rules"][0]["when"] == ENTERPRISE
    assert hash(again.rules[0].when) == hash(rules.rules[0].when)
    assert copy.deepcopy(rules) == rules
    assert Condition({"kind": "chat"}) != Condition({"kind": "event"})


@pytest.mark.parametrize("model", [Rules, Rule, Condition, EnrichedCondition])
def test_editors_get_a_valid_schema(model: type) -> None:
    schema = TypeAdapter(model).json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_schema_agrees_with_the_loader() -> None:
    validator = jsonschema.Draft202012Validator(TypeAdapter(Condition).json_schema())
    for good in (ENTERPRISE, _nested(3), {"lead.fields.x": "y"}, {"touch": {"between": [1, 2]}}):
        assert validator.is_valid(good), good
    for bad in ({}, {"lead.contry": "DE"}, {"kind": "x"}, {"touch": {"contains": 1}}, {"all": []},
                {"not": {"kind": "x"}}, {"email.role": "yes"}, {"lead.fields.": "y"}):  # fmt: skip
        assert not validator.is_valid(bad), bad
