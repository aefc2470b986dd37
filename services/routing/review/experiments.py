"""The report of an experiment, read from the database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.kernel.faults import did_you_mean
from services.routing.plan import Plan
from services.routing.review import arms
from services.routing.splitting import Split
from services.routing.store import experiments as store
from services.runtime.database import Connection

Splits = Mapping[str, Split]
"""By the name of the experiment."""


class UnknownExperiment(ValueError):
    """Neither configured nor recorded; the message names those there are."""


async def report(
    connection: Connection, configured: Splits, name: str, since: datetime, until: datetime
) -> dict[str, Any]:
    """What the arms came to, of leads that were drawn in the period.

    :param configured: the experiments of the active configuration.
    :raises UnknownExperiment: there is no such experiment.
    """
    found = await store.counts(connection, name, since, until)
    if not found and name not in configured:
        known = sorted({*configured, *await store.names(connection)})
        if name not in known:
            hint = did_you_mean(name, known)
            raise UnknownExperiment(
                f"there is no experiment {name}{hint}; there are: {', '.join(known) or '-'}"
            )
    return {"since": since, "until": until, **arms.report(name, configured.get(name), found)}


async def listed(connection: Connection, configured: Splits) -> list[dict[str, Any]]:
    """Every experiment, configured now or ever recorded."""
    names = sorted({*configured, *await store.names(connection)})
    return [
        {
            "experiment": name,
            "running": name in configured,
            "arms": [arm.name for arm in configured[name].arms] if name in configured else [],
        }
        for name in names
    ]


def splits(plan: Plan) -> Splits:
    """The experiments of a configuration, of every role."""
    own = (plan.first_role, *plan.later_roles.values())
    found = (rule.split for rules in own for rule in rules.rules)
    return {split.experiment: split for split in found if split is not None}
