"""What in ``delivery.yaml`` works and does nothing: told by ``config check``. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from services.delivery.config import DeliveryFile
from services.delivery.planconfig import PlanSink
from services.kernel.faults import Fault, did_you_mean


def findings(file: DeliveryFile, plans: Collection[str]) -> Iterator[Fault]:
    """Plans that a sink is to run and that nobody configured.

    :param plans: names of the plans of ``response.yaml``.
    """
    for name, sink in file.sinks.items():
        if isinstance(sink, PlanSink):
            for plan in sink.sequences:
                if plan not in plans:
                    hint = did_you_mean(plan, tuple(plans))
                    path = ("sinks", name, "sequences", plan)
                    yield Fault(path, f"response.yaml has no plan {plan}{hint}")
