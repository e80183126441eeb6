"""The named segment: the recency score against the mean of the other two, which go together, on the map of the parameter set."""

from __future__ import annotations

from services.segmentation.parameters import BUILT_IN, Rfm
from services.segmentation.rfm import Scores
from services.segmentation.words import Segment


def habit_of(scores: Scores) -> int:
    """The mean of F and M, halves up."""
    return (scores.f + scores.m + 1) // 2


def segment_of(scores: Scores, parameters: Rfm = BUILT_IN.parameters.rfm) -> Segment:
    return parameters.segments[scores.r - 1][habit_of(scores) - 1]
