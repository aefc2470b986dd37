"""Why a rule gave its points: which values decided. Pure; made only when somebody asks."""

from __future__ import annotations

from schemas.qualification import Qualification
from services.kernel.conditions import EnrichedCondition, Facts
from services.kernel.facts import as_of
from services.scoring.config import ScoringFile
from services.scoring.happened import countable
from services.scoring.rules import Rules
from services.scoring.simulation import Recorded, again, qualified


def reasons(model: ScoringFile, lead: Recorded) -> dict[str, list[str]]:
    """By rule that holds for the lead, the questions that made it hold, each with its value.

    Values that identify a person are not shown.
    """
    facts = as_of(lead.facts, lead.at, countable(lead.around.activities))
    asked = {rule.id: rule.when for rule in model.fit.rules}
    asked |= {rule.id: rule.when for rule in model.intent.rules if rule.when is not None}
    return {rule: _decided(when, facts) for rule, when in asked.items() if when(facts) is True}


def qualification(rules: Rules, lead: Recorded) -> Qualification | None:
    """How far the lead was qualified when it was scored."""
    return qualified(rules, lead, again(rules.scoring, lead))[1]


def _decided(when: EnrichedCondition, facts: Facts) -> list[str]:
    return [next(one.lines()).rpartition(":")[0] for one in when.explain(facts).deciding()]
