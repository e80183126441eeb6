"""The parameter set: every threshold and weight that a rule here reads, in one versioned document.

`Parameters()` is version 0, which holds until a set of the operator's own is approved. A change of it is drafted, previewed,
approved by a second person and effective from a day on (`use_cases/parameters.py`); every result says which version made it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from services.segmentation.parameters.behaviour import Clusters, Fraud, Lifecycle, Moments, Patterns
from services.segmentation.parameters.churn import Churn, ChurnDefinition, ChurnScore, Risk
from services.segmentation.parameters.rfm import ANY, FixedPoints, PopulationRfm, Rfm, ScoreRule
from services.segmentation.parameters.section import Condition, Section
from services.segmentation.parameters.worth import Arrears, Tiers, Value, Vote

__all__ = [
    "ANY",
    "BUILT_IN",
    "Arrears",
    "Churn",
    "ChurnDefinition",
    "ChurnScore",
    "Clusters",
    "Condition",
    "FixedPoints",
    "Fraud",
    "Lifecycle",
    "Moments",
    "ParameterSet",
    "Parameters",
    "Patterns",
    "PopulationRfm",
    "Rfm",
    "Risk",
    "ScoreRule",
    "Tiers",
    "Value",
    "Vote",
    "parameters_of",
]


class Parameters(Section):
    rfm: Rfm = Rfm()
    patterns: Patterns = Patterns()
    value: Value = Value()
    tiers: Tiers = Tiers()
    lifecycle: Lifecycle = Lifecycle()
    moments: Moments = Moments()
    arrears: Arrears = Arrears()
    fraud: Fraud = Fraud()
    clusters: Clusters = Clusters()
    churn: Churn = Churn()
    churn_score: ChurnScore = ChurnScore()
    risk: Risk = Risk()


class ParameterSet(NamedTuple):
    """One version as it is in force."""

    version: int
    parameters: Parameters


BUILT_IN = ParameterSet(0, Parameters())


@lru_cache(maxsize=16)
def parameters_of(document: str) -> Parameters:
    """From its JSON text, which never changes once a version is approved."""
    return Parameters.model_validate_json(document)
