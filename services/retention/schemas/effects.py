"""HTTP bodies: what a campaign changed."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from services.retention.effect import Verdict
from services.retention.schemas.retention import View


class ArmView(View):
    customers: int = Field(description="Assigned long enough ago")
    retained: int = Field(description="Still here at the horizon")


class IntervalView(View):
    low: float
    high: float


class EffectView(View):
    """By intention to treat. `lift`: the share retained of the treatment arm less that of the hold-out."""

    verdict: Verdict
    reason: str
    lift: float | None
    at_end: IntervalView | None = Field(description="95 %, of one look at a planned end")
    any_time: IntervalView | None = Field(description="95 %, however often it is looked at: what the verdict goes by")
    detectable: float | None = Field(description="The smallest lift that so many customers show with a power of 80 %")
    saves: float | None = Field(description="Customers who would have left")
    saves_interval: IntervalView | None


class StratumView(View):
    name: str = Field(description="Tier and risk band at the first exposure")
    treatment: ArmView
    hold_out: ArmView
    lift: float


class StratifiedView(View):
    """The lift as the mean over customers alike, by how many there are of each: what the draw left uneven is taken out."""

    lift: float
    at_end: IntervalView
    any_time: IntervalView
    strata: list[StratumView]


class VariantView(View):
    name: str
    treatment: ArmView
    effect: EffectView = Field(description="Against the hold-out that all variants share, as if it were the only one")


class ComparisonView(View):
    """The share retained of the one less that of the other, adjusted for the number of comparisons."""

    variant: str
    against: str = Field(description="Another variant, or `hold_out`")
    lift: float
    any_time: IntervalView = Field(description="By Bonferroni, however often it is looked at")
    p_value: float = Field(description="Of one planned look, alone")
    holm_p_value: float = Field(description="By Holm, for all comparisons of the campaign")
    shown: bool = Field(description="A difference, by the interval for any time, with enough who left on both sides")


class MoneyView(View):
    cost_minor: int = Field(description="Of contacts and of offers that were taken")
    saved_value_minor: int | None = Field(description="Null while no save is shown")
    return_on_cost: float | None = Field(description="Saved value per money spent, less one")
    contacts_per_save: float | None


class HorizonView(View):
    days: int
    treatment: ArmView
    hold_out: ArmView
    effect: EffectView
    stratified: StratifiedView | None = Field(description="Null while no stratum has both arms")
    variants: list[VariantView]
    comparisons: list[ComparisonView]
    money: MoneyView


class CampaignEffect(View):
    campaign_id: str
    as_of: datetime
    contacts: int = Field(description="Tasks that were done")
    mean_future_value_minor: int | None = Field(description="Of the treatment arm at its first exposure")
    horizons: list[HorizonView]


class OfferRecord(BaseModel):
    offer_id: str
    outcomes: int = Field(description="Of customers who were reached")
    saved: int
    accepted: int
    save_rate: float = Field(description="From a prior, moved by what came of it")
    acceptance_rate: float


class OfferRecords(BaseModel):
    items: list[OfferRecord]
