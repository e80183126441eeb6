"""What behaviour says: warnings, stages of the lifecycle, moments, fraud, clusters."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.segmentation.parameters.section import Days, Minor, Percent, Section
from services.segmentation.words import Segment


class Patterns(Section):
    """When behaviour is a warning, and when it is one again."""

    cool_down_days: Days = 30
    longest_fact_age_days: Days = Field(default=35, description="What happened longer ago raises nothing")
    usage_days: Days = Field(default=7, description="Covered days that make a month fit to be judged")
    baseline_months: int = Field(default=3, ge=1, le=12)
    baseline_days: Days = Field(default=45, description="Covered days that make a baseline, all its months together")
    baseline_seconds_per_day: int = Field(default=60, ge=1, le=86_400, description="Who calls less than this has nothing to fall from")
    fall_percent: Percent = 50
    urgent_fall_percent: Percent = 80
    recovered_percent: Percent = 80
    forwardings: int = Field(default=1, ge=1, le=10_000)
    urgent_forwardings: int = Field(default=3, ge=1, le=10_000, description="In one month")
    incoming_rise_points: Percent = Field(default=20, description="Multi-SIM: the share of incoming seconds rose by so many points")
    incoming_share_percent: Percent = Field(default=70, description="Multi-SIM: and is at least this")
    incoming_kept_percent: Percent = Field(default=50, description="Multi-SIM: while this much of the incoming seconds is still there")
    contract_ending_days: Days = 45
    contract_urgent_days: Days = 14
    rfm_fall_days: Days = Field(default=14, description="RFM migration: from a good segment to one at risk within so many days")
    rfm_rhythm: float = Field(default=1.5, ge=0, le=100, description="And nothing was bought for so many times the customer's own mean gap")
    rfm_from: tuple[Segment, ...] = ("champions", "loyal")
    rfm_to: tuple[Segment, ...] = ("at_risk", "cannot_lose", "hibernating", "lost")
    silent_days: Days = Field(default=21, description="No chargeable event for so long")
    group_least_members: int = Field(default=4, ge=2, le=500)
    group_share_percent: Percent = Field(default=30, description="Group churn: this share of a CUG forwards, falls silent or leaves")
    group_rearm_percent: Percent = Field(default=15, description="Below this the group is armed again")
    group_sign_days: Days = Field(default=45, description="How long a sign of a member counts")
    peer_days: Days = Field(default=30, description="Somebody of the household or a small CUG left within so many days")
    peer_most_members: int = Field(default=8, ge=2, le=500)

    @model_validator(mode="after")
    def _arms_again_below_what_it_raises(self) -> Self:
        for armed, raised in (("group_rearm_percent", "group_share_percent"), ("forwardings", "urgent_forwardings"), ("fall_percent", "urgent_fall_percent")):
            if getattr(self, armed) > getattr(self, raised):
                raise ValueError(f"{armed} has to be at most {raised}")
        return self


class Lifecycle(Section):
    onboarding_days: Days = 90
    growth_days: Days = Field(default=365, description="Growth ends after so much tenure")
    won_back_days: Days = 90
    rising_percent: int = Field(default=10, ge=0, le=1000, description="Three months against the three before")
    falling_percent: Percent = 30
    recovered_percent: Percent = Field(default=10, description="Decline is over when less than this is missing")
    silent_days: Days = Field(default=45, description="No chargeable event for so long is decline")

    @model_validator(mode="after")
    def _recovers_from_a_fall(self) -> Self:
        if self.recovered_percent > self.falling_percent:
            raise ValueError("recovered_percent has to be at most falling_percent: who falls is not recovered")
        return self


class Moments(Section):
    cool_down_days: Days = 60
    cost_to_serve_percent: int = Field(default=50, ge=1, le=1000, description="Of the margin")
    revenue_fall_percent: Percent = 15
    overage_months: int = Field(default=2, ge=1, le=12, description="Of the last three, with overage")
    bill_shock_percent: int = Field(default=50, ge=1, le=1000, description="A month's bill above the mean of three")
    renewal_days: Days = 60
    win_back_after_days: Days = 30
    win_back_until_days: Days = 365
    bad_debt_level: int = Field(default=2, ge=1, le=4)


class Fraud(Section):
    international_minor_per_minute: Minor = 100
    premium_minor_per_minute: Minor = 500
    jump_factor: float = Field(default=5.0, ge=1, le=1000, description="Times the customer's own daily mean of three months")
    least_minutes_per_day: int = Field(default=20, ge=1, le=1440)
    credit_percent: Percent = Field(default=50, description="Of the credit limit that the estimated charges may reach")
    default_credit_minor: Minor = Field(default=20_000, description="Of who has no limit on record")


class Clusters(Section):
    clusters: Literal[0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] = Field(default=0, description="0: chosen by silhouette and stability, 4 to 8")
    refit_days: Annotated[int, Field(ge=1, le=365)] = 7
    sampled_customers: int = Field(default=100_000, ge=100, le=1_000_000)
    affinity_least_customers: int = Field(default=5, ge=1, le=1_000_000)
