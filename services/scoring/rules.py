"""All that scoring goes by: the model, and the shared definition of a qualified lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from services.scoring import config, qualification
from services.scoring.config import ScoringFile
from services.scoring.qualification import QualificationFile


@dataclass(frozen=True, slots=True)
class Rules:
    """Of one configuration version."""

    scoring: ScoringFile
    qualification: QualificationFile = QualificationFile()  # noqa: RUF009 - frozen


def parse(files: Mapping[str, str]) -> Rules:
    """:raises services.runtime.configfile.ConfigError: with every fault of the first bad file."""
    return Rules(config.parse(files), qualification.parse(files))
