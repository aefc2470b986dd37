"""The stage shell: what surrounds one function from a batch of events to a batch of events."""

from services.runtime.stage.spec import BadRecords, Handler, StageSpec

__all__ = ["BadRecords", "Handler", "StageSpec"]
