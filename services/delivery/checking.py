"""What in ``delivery.yaml`` works and does nothing: told by ``config check``. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from services.delivery.config import DeliveryFile, SlackSink
from services.delivery.planconfig import PlanSink
from services.delivery.sinkconfig import BaseSink
from services.kernel.faults import Fault, did_you_mean

_OF_AN_APP = frozenset({"channel", "to", "signing_secret", "base_url"})
"""An incoming webhook posts to its own channel, whatever else is said."""


def findings(file: DeliveryFile, plans: Collection[str], pools: Collection[str]) -> Iterator[Fault]:
    """Each with its path in the file.

    :param plans: names of the plans of ``response.yaml``.
    :param pools: those of ``teams.yaml``.
    """
    for name, sink in file.sinks.items():
        for path, message in _of(sink, plans, pools):
            yield Fault(("sinks", name, *path), message)


def _of(
    sink: BaseSink, plans: Collection[str], pools: Collection[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    for pool in sorted((sink.only.pools or frozenset()).difference(pools)):
        hint = did_you_mean(pool, tuple(pools))
        yield ("only", "pools"), f"teams.yaml has no pool {pool}{hint}"
    if isinstance(sink, PlanSink):
        for plan in sink.sequences:
            if plan not in plans:
                hint = did_you_mean(plan, tuple(plans))
                yield ("sequences", plan), f"response.yaml has no plan {plan}{hint}"
        if sink.only.statuses is not None:
            yield ("only", "statuses"), "a sink that runs plans is told of touches, not of changes"
    if isinstance(sink, SlackSink) and sink.secret is not None:
        for field in sorted(_OF_AN_APP & sink.model_fields_set):
            yield (field,), "is of an app (token); an incoming webhook posts to its own channel"
