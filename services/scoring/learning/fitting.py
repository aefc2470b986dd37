"""A regularised logistic model over named features of leads in the order of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import TimeSeriesSplit

Features = Mapping[str, float]
"""What a lead has, each between 0 and 1; what it has not is left out."""

STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
"""Inverse regularisation, weakest last: the one that foretells later leads best is taken."""
FOLDS = 4
FEWEST = 100
"""Samples, and a tenth as many of each outcome: below, chance would write the weights."""


class TooFew(ValueError):
    """There is not enough to learn from; the text says how much there is."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The model: log-odds."""

    base: float
    weights: Mapping[str, float]
    strength: float

    def chance(self, features: Features) -> float:
        """Of the outcome, between 0 and 1."""
        odds = self.base + sum(
            self.weights.get(name, 0.0) * value for name, value in features.items()
        )
        return 1 / (1 + exp(-odds)) if odds > -700 else 0.0


def fit(samples: Sequence[Features], outcomes: Sequence[bool]) -> Fitted:
    """:param samples: the oldest first: how strongly to regularise is judged by later samples.

    :raises TooFew: below :data:`FEWEST`.
    """
    wins = sum(outcomes)
    least = min(wins, len(outcomes) - wins)
    if len(samples) < FEWEST or least < FEWEST // 10:
        raise TooFew(
            f"{len(samples)} leads with {wins} wins; at least {FEWEST} are needed, and "
            f"{FEWEST // 10} of each outcome"
        )
    vectors = DictVectorizer()
    matrix = vectors.fit_transform([dict(one) for one in samples])
    strength = min(STRENGTHS, key=lambda one: _loss(one, matrix, list(outcomes)))
    model = _model(strength).fit(matrix, list(outcomes))
    names = vectors.get_feature_names_out()
    weights = {str(name): float(weight) for name, weight in zip(names, model.coef_[0], strict=True)}
    return Fitted(float(model.intercept_[0]), weights, strength)


def _model(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=5_000, random_state=0)


def _loss(strength: float, matrix: object, outcomes: list[bool]) -> float:
    """Of forecasts of later samples by models of earlier ones."""
    losses = []
    for before, after in TimeSeriesSplit(FOLDS).split(matrix):
        known, later = [outcomes[at] for at in before], [outcomes[at] for at in after]
        if len(set(known)) < 2:
            continue
        model = _model(strength).fit(matrix[before], known)  # type: ignore[index]
        chances = model.predict_proba(matrix[after])[:, 1]  # type: ignore[index]
        losses.append(log_loss(later, chances, labels=[False, True]))
    return sum(losses) / len(losses) if losses else 0.0
