"""What counts as having left, and who is scored how."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from services.segmentation.features import active
from services.segmentation.parameters.section import Days, Minor, Percent, Section, Share
from shared.contracts.segmentation import AlertKind


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
