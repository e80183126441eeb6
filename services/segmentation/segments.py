"""The named segment: the recency score against the mean of the other two, which go together."""

from __future__ import annotations

from typing import Literal, get_args

from services.segmentation.rfm import Scores

Segment = Literal[
    "champions", "loyal", "potential_loyalist", "new", "promising", "need_attention", "about_to_sleep", "at_risk", "cannot_lose", "hibernating", "lost"
]
SEGMENTS: tuple[Segment, ...] = get_args(Segment)


def segment_of(scores: Scores) -> Segment:
    habit = (scores.f + scores.m + 1) // 2  # the mean, halves up
    return _SEGMENTS[scores.r][habit - 1]


_SEGMENTS: dict[int, tuple[Segment, Segment, Segment, Segment, Segment]] = {
    # habit: 1            2                     3                 4              5
    5: ("new",            "potential_loyalist", "loyal",          "champions",   "champions"),
    4: ("promising",      "potential_loyalist", "loyal",          "loyal",       "champions"),
    3: ("about_to_sleep", "need_attention",     "need_attention", "loyal",       "loyal"),
    2: ("hibernating",    "about_to_sleep",     "at_risk",        "at_risk",     "cannot_lose"),
    1: ("lost",           "hibernating",        "at_risk",        "cannot_lose", "cannot_lose"),
}  # fmt: skip
