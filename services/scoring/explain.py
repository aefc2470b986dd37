"""Why a rule gave its points: which values decided. Pure; made only when somebody asks."""

from __future__ import annotations

from services.kernel.conditions import EnrichedCondition, Facts
from services.kernel.facts import as_of
from services.scoring.config import ScoringFile
from services.scoring.happened import countable
from services.scoring.simulation import Recorded


def reasons(model: ScoringFile, lead: Recorded) -> dict[str, list[str]]:
    """By rule that holds for the lead, the questions that made it hold, each with its value.

    Values that identify a person are not shown.
    """
    facts = as_of(lead.facts, lead.at, countable(lead.around.activities))
    asked = {rule.id: rule.when for rule in model.fit.rules}
    asked |= {rule.id: rule.when for rule in model.intent.rules if rule.when is not None}
    return {rule: _decided(when, facts) for rule, when in asked.items() if when(facts) is True}


def _decided(when: EnrichedCondition, facts: Facts) -> list[str]:
    return [next(one.lines()).rpartition(":")[0] for one in when.explain(facts).deciding()]
