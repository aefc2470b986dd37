"""The rule language: typed condition trees with three-valued logic, compiled to closures.

::

    when:
      company.country: [DE, FR, NL]        # one of
      company.headcount: {gte: 200}
      any:
        - person.seniority: [vp, c_suite]
        - score.total: {gte: 80}
      not: {email.class: [free, disposable]}
"""

from __future__ import annotations

from services.kernel.conditions.compiling import Facts, Verdict
from services.kernel.conditions.condition import Condition, EnrichedCondition
from services.kernel.conditions.nodes import Op
from services.kernel.conditions.noted import NotedFacts
from services.kernel.conditions.parsing import MAX_DEPTH, MAX_NODES, ConditionFaults
from services.kernel.conditions.tracing import Trace

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "Condition",
    "ConditionFaults",
    "EnrichedCondition",
    "Facts",
    "NotedFacts",
    "Op",
    "Trace",
    "Verdict",
]
