"""The words of this service: what a customer can be called, and what rules can ask of one."""

from __future__ import annotations

from typing import Literal, get_args

Segment = Literal[
    "champions", "loyal", "potential_loyalist", "new", "promising", "need_attention", "about_to_sleep", "at_risk", "cannot_lose", "hibernating", "lost"
]
SEGMENTS: tuple[Segment, ...] = get_args(Segment)

DEFAULT_SEGMENTS: tuple[tuple[Segment, Segment, Segment, Segment, Segment], ...] = (
    # mean of F and M: 1   2                     3                 4              5
    ("lost",           "hibernating",        "at_risk",        "cannot_lose", "cannot_lose"),  # recency 1
    ("hibernating",    "about_to_sleep",     "at_risk",        "at_risk",     "cannot_lose"),
    ("about_to_sleep", "need_attention",     "need_attention", "loyal",       "loyal"),
    ("promising",      "potential_loyalist", "loyal",          "loyal",       "champions"),
    ("new",            "potential_loyalist", "loyal",          "champions",   "champions"),
)  # fmt: skip

Tier = Literal["platinum", "gold", "iron", "lead"]
TIERS: tuple[Tier, ...] = get_args(Tier)
Grade = Literal["1A", "2A", "3A", "4A", "5A"]
GRADES: tuple[Grade, ...] = get_args(Grade)
Category = Literal["mvc", "mgc", "bz", "other"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
Stage = Literal["prospect", "onboarding", "growth", "mature", "decline", "churned", "won_back"]
STAGES: tuple[Stage, ...] = get_args(Stage)
StatusGroup = Literal["stable", "warning", "off_net"]
STATUS_GROUPS: tuple[StatusGroup, ...] = get_args(StatusGroup)

Measure = Literal[
    "recency_days", "frequency", "monetary_minor", "yearly_spend_minor", "monthly_spend_minor", "tenure_days", "written_off_minor", "is_organisation",
    "is_corporate", "live_subscriptions", "complaints_12m", "suspensions_6m",
]  # fmt: skip
"""What a rule of a parameter set can ask of a customer; yes is 1."""
