"""What customers are worth and owe: value, tier, grade, star, arrears."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from services.segmentation.parameters.section import Condition, Days, Minor, Percent, Section, Share, Weight
from services.segmentation.words import Tier


class Value(Section):
    """The value function: terms in minor units of money per year, each times its weight."""

    margin_percent: Percent = Field(default=40, description="Of the revenue: billed and topped up, or paid where there are no bills")
    care_call_minor: Minor = 300
    agent_contact_minor: Minor = 800
    complaint_minor: Minor = 3_000
    retention_contact_minor: Minor = 1_500
    contact_minor: Minor = Field(default=20, description="Per distinct contact in a month and year: who is called by many brings many")
    minute_minor: Minor = Field(default=1, description="Per outgoing minute")
    gigabyte_minor: Minor = 20
    organisation_minor: Minor = 50_000
    corporate_member_minor: Minor = 10_000
    cug_member_minor: Minor = 5_000
    horizon_months: int = Field(default=12, ge=1, le=60, description="Of the future value")
    yearly_discount: Share = 0.10
    weights: dict[Literal["margin", "cost_to_serve", "credit_risk", "contact_frequency", "usage", "corporate_influence", "future_value"], Weight] = {
        "margin": 1.0, "cost_to_serve": 1.0, "credit_risk": 1.0, "contact_frequency": 0.5, "usage": 0.2, "corporate_influence": 1.0, "future_value": 0.5,
    }  # fmt: skip

    @model_validator(mode="after")
    def _weighs_every_term(self) -> Self:
        if len(self.weights) != 7:
            raise ValueError("every term needs a weight; 0 leaves it out")
        return self


class Vote(Section):
    """A one-vote rule: for whom the condition holds the tier is at least this, or at most this."""

    when: Condition
    tier: Tier
    at_most: bool = False

    def __str__(self) -> str:
        return f"{self.when}: {'at most' if self.at_most else 'at least'} {self.tier}"


class StarRule(Section):
    """Service star: both have to be reached."""

    monthly_spend_minor: Minor
    tenure_days: Days


class Tiers(Section):
    method: Literal["shares", "thresholds"] = "shares"
    shares_percent: tuple[float, float, float] = Field(default=(1.0, 5.0, 20.0), description="Of the customers: platinum; platinum and gold; and iron")
    thresholds_minor: tuple[Minor, Minor, Minor] = Field(
        default=(40_000, 120_000, 400_000), description="Least value of iron, gold and platinum: of `thresholds`, and of `shares` until first cut"
    )
    votes: tuple[Vote, ...] = Field(
        default=(
            Vote(when=Condition(measure="yearly_spend_minor", at_least=1_000_000), tier="platinum"),
            Vote(when=Condition(measure="written_off_minor", at_least=1), tier="iron", at_most=True),
        ),
        max_length=20,
    )
    hysteresis_percent: Percent = Field(default=10, description="A tier, grade or star is lost only this far below what reaches it")
    grades_minor: tuple[Minor, Minor, Minor, Minor, Minor] = Field(
        default=(20_000, 100_000, 300_000, 1_000_000, 5_000_000), description="Yearly spend that makes a key account 1A, 2A, 3A, 4A, 5A"
    )
    stars: tuple[StarRule, StarRule, StarRule, StarRule] = Field(
        default=(
            StarRule(monthly_spend_minor=3_000, tenure_days=90),
            StarRule(monthly_spend_minor=6_000, tenure_days=180),
            StarRule(monthly_spend_minor=12_000, tenure_days=365),
            StarRule(monthly_spend_minor=20_000, tenure_days=730),
        ),
        description="What makes a star 2, 3, 4 and 5",
    )
    growth_percent: int = Field(default=20, ge=0, le=1000, description="MGC: revenue or usage of three months rose by this against the three before")
    mvc_tiers: tuple[Tier, ...] = ("platinum", "gold")

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        for name in ("shares_percent", "thresholds_minor", "grades_minor"):
            if list(getattr(self, name)) != sorted(getattr(self, name)):
                raise ValueError(f"{name} have to rise")
        for name in ("monthly_spend_minor", "tenure_days"):
            if [getattr(rule, name) for rule in self.stars] != sorted(getattr(rule, name) for rule in self.stars):
                raise ValueError(f"{name} of the stars has to rise")
        if not 0 < self.shares_percent[0] <= self.shares_percent[2] < 100:
            raise ValueError("shares_percent have to lie between 0 and 100")
        return self


class Arrears(Section):
    """The scorecard of bad debt, and when which dunning step is due."""

    least_owed_minor: Minor = Field(default=1_000, description="Less than this past due starts no dunning")
    dunning_days: tuple[Days, Days, Days, Days] = Field(default=(1, 15, 30, 60), description="Past due: reminder, warning, suspension, collection")
    points_per_overdue_day: int = Field(default=1, ge=0, le=100)
    most_overdue_points: int = Field(default=60, ge=0, le=1000)
    points_per_late_payment: int = Field(default=4, ge=0, le=100)
    points_per_suspension: int = Field(default=15, ge=0, le=1000, description="In 6 months")
    points_written_off: int = Field(default=30, ge=0, le=1000)
    points_limit_used: int = Field(default=10, ge=0, le=1000, description="More than four fifths of the credit limit is owed")
    even_points: int = Field(default=60, ge=1, le=1000, description="Points at which the risk is one half")
    scale_points: int = Field(default=15, ge=1, le=1000, description="So many more multiply the odds by e")

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if list(self.dunning_days) != sorted(self.dunning_days):
            raise ValueError("dunning_days have to rise")
        return self
