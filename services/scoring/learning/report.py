"""The model in force against what became of leads, and weights that would do better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.scoring.config import ScoringFile
from services.scoring.learning.fitting import Fitted, TooFew, fit
from services.scoring.learning.measures import Calibration, Measures, calibrated, measured
from services.scoring.learning.samples import (
    OUTCOMES,
    Sample,
    features,
    full_points,
    reached,
    split,
)
from services.scoring.learning.weights import Proposal, proposals

OLDER = 0.7
"""Learnt from so many of the leads, the oldest; tried on the rest."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Learnt weights against those in force, on later leads than they were learnt from."""

    tried_on: int
    in_force: Measures
    learnt: Measures
    calibration: Calibration
    """Of the learnt chances."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of the model in force, and what is proposed."""

    outcome: str
    leads: int
    quality: dict[str, Measures]
    """Of the scores in force, by outcome."""
    trial: Trial | None
    proposals: tuple[Proposal, ...]
    why_not: str = ""
    """Why nothing is proposed."""


def report(model: ScoringFile, samples: Sequence[Sample], outcome: str, top: float) -> Report:
    """:param outcome: what the weights are to foretell.

    :raises ValueError: where there is no sample.
    """
    scores = [sample.total / 100 for sample in samples]
    quality = {name: measured(scores, reached(samples, name), top) for name in OUTCOMES}
    try:
        found = proposed(model, samples, outcome)
        trial = _trial(model, samples, outcome, top)
    except TooFew as error:
        return Report(outcome, len(samples), quality, None, (), str(error))
    return Report(outcome, len(samples), quality, trial, tuple(found))


def proposed(model: ScoringFile, samples: Sequence[Sample], outcome: str) -> list[Proposal]:
    """New points, learnt from all leads.

    :raises services.scoring.learning.fitting.TooFew: where there is not enough to learn from.
    """
    points = full_points(model)
    ordered, _ = split(samples, 1.0)
    vectors = [features(sample, points) for sample in ordered]
    outcomes = reached(ordered, outcome)
    return proposals(fit(vectors, outcomes), points, vectors, outcomes)


def _trial(model: ScoringFile, samples: Sequence[Sample], outcome: str, top: float) -> Trial:
    older, newer = split(samples, OLDER)
    fitted = _fitted(model, older, outcome)
    points = full_points(model)
    chances = [fitted.chance(features(sample, points)) for sample in newer]
    outcomes = reached(newer, outcome)
    return Trial(
        tried_on=len(newer),
        in_force=measured([sample.total / 100 for sample in newer], outcomes, top),
        learnt=measured(chances, outcomes, top),
        calibration=calibrated(chances, outcomes),
    )


def _fitted(model: ScoringFile, samples: Sequence[Sample], outcome: str) -> Fitted:
    points = full_points(model)
    return fit([features(sample, points) for sample in samples], reached(samples, outcome))
