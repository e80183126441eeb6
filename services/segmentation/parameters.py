"""The parameter set: every threshold and weight that a rule here reads, in one versioned document.

`Parameters()` is version 0, which holds until a set of the operator's own is approved. A change of it is drafted, previewed,
approved by a second person and effective from a day on (`use_cases/parameters.py`); every result says which version made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, NamedTuple, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.segmentation.features import active
from services.segmentation.words import DEFAULT_SEGMENTS, Measure, Segment, Tier
from shared.contracts.segmentation import AlertKind

Days = Annotated[int, Field(ge=0, le=3650)]
Percent = Annotated[int, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Minor = Annotated[int, Field(ge=-(10**12), le=10**12, description="Minor units of the operator's currency")]
Weight = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]
ANY = "*"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Condition(Section):
    """One measure inside bounds; what is absent does not bound."""

    measure: Measure
    at_least: int | None = None
    at_most: int | None = None

    def holds(self, measures: Mapping[Measure, int], hysteresis_percent: int = 0) -> bool:
        """`hysteresis_percent`: how far below the least it still does."""
        value, least, most = measures[self.measure], self.at_least, self.at_most
        return (least is None or value >= least - abs(least) * hysteresis_percent / 100) and (most is None or value <= most)

    def __str__(self) -> str:
        bounds = ((">=", self.at_least), ("<=", self.at_most))
        return " and ".join(f"{self.measure} {sign} {bound}" for sign, bound in bounds if bound is not None)


class ScoreRule(Section):
    """`score` for whom every condition holds."""

    score: int = Field(ge=2, le=5)
    when: tuple[Condition, ...] = Field(min_length=1, max_length=10)


class FixedPoints(Section):
    """What just reaches the scores 2, 3, 4 and 5."""

    r: tuple[int, int, int, int] = (180, 90, 60, 30)
    f: tuple[int, int, int, int] = (2, 4, 8, 12)
    m: tuple[int, int, int, int] = (5_000, 20_000, 50_000, 100_000)

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if list(self.r) != sorted(self.r, reverse=True) or list(self.f) != sorted(self.f) or list(self.m) != sorted(self.m):
            raise ValueError("points have to rise with the score: days of recency fall, frequency and money grow")
        return self


class PopulationRfm(Section):
    """How one population is scored."""

    method: Literal["quantile", "fixed", "rules"] = "quantile"
    fixed: FixedPoints = Field(default=FixedPoints(), description="Of method `fixed`, and of `quantile` until a population is first cut")
    rules: dict[Literal["r", "f", "m"], tuple[ScoreRule, ...]] = Field(
        default={}, description="Of method `rules`: per score the rules in their order; the first that holds gives it, else it is 1"
    )

    @model_validator(mode="after")
    def _has_its_rules(self) -> Self:
        if self.method == "rules" and set(self.rules) != {"r", "f", "m"}:
            raise ValueError("method `rules` needs rules for r, f and m")
        return self


class Rfm(Section):
    populations: Literal["payment_type", "brand"] = Field(default="payment_type", description="Customers are scored among their like")
    scoring: dict[str, PopulationRfm] = Field(default={ANY: PopulationRfm()}, max_length=50, description="By population; `*` for all others")
    segments: tuple[tuple[Segment, Segment, Segment, Segment, Segment], ...] = Field(
        default=DEFAULT_SEGMENTS, min_length=5, max_length=5, description="The map: rows are recency scores 1 to 5, columns the mean of F and M, 1 to 5"
    )

    @model_validator(mode="after")
    def _covers_everybody(self) -> Self:
        if ANY not in self.scoring:
            raise ValueError("scoring needs an entry `*`")
        return self

    def of(self, population: str) -> PopulationRfm:
        return self.scoring.get(population) or self.scoring[ANY]


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


class ChurnDefinition(Section):
    """What counts as having left, of one payment type."""

    reasons: tuple[Literal["port_out", "customer_request", "arrears", "fraud", "death", "transfer", "other"], ...] = Field(
        default=("port_out", "customer_request"), max_length=7, description="Of a termination; others are involuntary"
    )
    silence_days: Days = Field(default=0, description="No chargeable event for so long; 0: silence does not count")
    partial_percent: Percent = Field(
        default=0, description="Calls and data of a month, per covered day, fell by this against the three before; 0: does not count"
    )
    partial_least_seconds: int = Field(default=18_000, ge=0, le=10_000_000, description="Heavy: a month's outgoing seconds before, on average")
    partial_usage_days: Annotated[int, Field(ge=1, le=28)] = Field(
        default=21, description="Covered days that make a month fit to be compared, of the three before on average"
    )

    @property
    def reads_usage(self) -> bool:
        return bool(self.silence_days or self.partial_percent)

    @model_validator(mode="after")
    def _can_be_told(self) -> Self:
        if 0 < self.silence_days < active.GAP_DAYS:
            raise ValueError(f"silence_days have to be 0 or at least {active.GAP_DAYS}: usage is summarised by the week")
        if not (self.reasons or self.reads_usage):
            raise ValueError("nobody could ever leave: give reasons, silence_days or partial_percent")
        return self


class Churn(Section):
    """The window that a label looks at, and what counts in it."""

    usage_known_days: ClassVar[int] = (active.STRETCHES_KEPT - 1) * (active.GAP_DAYS + 1)
    """How far back the stretches kept of a customer reach at least: when each of them is one day, and as near to the next as can be."""

    horizon_days: Annotated[int, Field(ge=1, le=365)] = 30
    maturation_days: Days = Field(default=14, description="After the horizon, and a week more where usage counts, until late news is in and labels are final")
    prepaid: ChurnDefinition = ChurnDefinition(silence_days=60, partial_percent=90)
    postpaid: ChurnDefinition = ChurnDefinition()

    def of(self, payment_type: str | None) -> ChurnDefinition | None:
        """None of a payment type that is not known."""
        return {"prepaid": self.prepaid, "postpaid": self.postpaid}.get(payment_type or "")

    @model_validator(mode="after")
    def _is_final_while_usage_is_known(self) -> Self:
        longest = self.usage_known_days - active.GAP_DAYS
        if (self.prepaid.reads_usage or self.postpaid.reads_usage) and self.horizon_days + self.maturation_days > longest:
            raise ValueError(f"horizon_days and maturation_days may be {longest} together: usage from before is not kept until labels are final")
        return self


Scoring = Literal["together", "apart", "excluded"]


class ChurnScore(Section):
    """Who is scored by a model, among whom, when that is news, and what is kept to learn from."""

    newcomers: Scoring = Field(default="apart", description="By models of their own, of who has been here for less than `newcomer_days`")
    newcomer_days: Days = 90
    visitors: Scoring = "excluded"
    employer_paid: Scoring = "excluded"
    involuntary: Scoring = "excluded"
    involuntary_level: int = Field(default=2, ge=1, le=4, description="Dunning level from which an end would be the operator's doing")
    news_log_odds: float = Field(default=0.5, gt=0, le=10, description="Told again when the log-odds of leaving moved by so much")
    arpu_decline_percent: Annotated[int, Field(ge=1, le=100)] = Field(default=40, description="The next whole month against the mean of the three before")
    arpu_least_minor: Minor = Field(default=1_000, description="A month before; of who spends less nothing can decline")
    observe_every_days: Annotated[int, Field(ge=1, le=28)] = Field(default=7, description="How often rows are kept to learn from")
    observed_customers: int = Field(default=50_000, ge=100, le=1_000_000, description="Of so many customers, always the same")
    psi_watch: float = Field(default=0.1, ge=0, le=10)
    psi_alarm: float = Field(default=0.25, ge=0, le=10)
    sensitivity_least_events: int = Field(default=1_000, ge=10, le=10_000_000, description="Who left, in each arm, before sensitivity is learned")

    def of(self, group: Literal["newcomers", "visitors", "employer_paid", "involuntary"]) -> Scoring:
        found: Scoring = getattr(self, group)
        return found


class Risk(Section):
    """The probability to leave within the horizon while there is no model: by warning, learned from what came of earlier ones."""

    prior_customers: int = Field(default=50, ge=1, le=1_000_000, description="What the prior weighs, in customers")
    prior: dict[str, Share] = {
        "none": 0.01, "usage_fall": 0.12, "forwarding_off_net": 0.20, "port_out_inquiry": 0.45, "multi_sim": 0.15, "complaint_overdue": 0.08,
        "contract_ending": 0.06, "rfm_migration": 0.08, "group_churn": 0.30, "peer_churn": 0.10, "silent": 0.15, "arrears": 0.10,
    }  # fmt: skip

    @model_validator(mode="after")
    def _knows_every_warning(self) -> Self:
        missing = {"none", *get_args(AlertKind)} - {"fraud"} - self.prior.keys()
        if missing:
            raise ValueError(f"prior has nothing for {', '.join(sorted(missing))}")
        return self


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
