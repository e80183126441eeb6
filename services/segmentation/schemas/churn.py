"""HTTP bodies: churn scores with their reasons, and the life of the models that make them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from services.segmentation.schemas.scores import View

MOST_BASE64 = 1_900_000
"""The gateway lets 2 MB through."""

Text = Annotated[str, Field(min_length=1, max_length=500)]


class ReasonView(BaseModel):
    """A cause: what it adds to the log-odds, in words, and what would be without it."""

    cause: str
    feature: str | None = Field(default=None, description="Of the cause, what `value` and `text` are about; null where no model says")
    contribution: float = Field(description="Log-odds; positive: towards leaving")
    text: str
    value: float | None
    baseline: float | None = Field(description="The customer's own, or else the typical one")
    evidence: dict[str, Any] = Field(description="What is behind it: bills, complaints, faults, months")
    remedy: str | None
    if_remedied: float | None = Field(description="The probability if the cause went away; null where nothing can be done about it")


class SensitivityView(BaseModel):
    """What a contact would change."""

    basis: Literal["hold_outs", "risk_x_value"]
    reason: str
    kind: str | None = Field(default=None, description="persuadable, sure, lost, do_not_disturb, or unclear; null without a model")
    uplift: float | None = Field(default=None, description="By how much a contact lowers the probability to leave")
    low: float | None = Field(default=None, description="Of the 95 % interval")
    high: float | None = None
    version: int | None = Field(default=None, description="Of the model")
    expected_minor: int = Field(description="To rank by: what a contact is expected to save, or without a model what is at stake")


class ChurnView(BaseModel):
    """How likely a customer leaves within the horizon, and why. `base` and all contributions make the log-odds of the probability."""

    customer_id: str
    as_of: date
    population: str | None = Field(description="Among whom they were scored; null: not by a model")
    basis: Literal["model", "rules"]
    basis_reason: str
    probability: float
    probabilities: dict[str, float] = Field(description="By target: leave, brand_downgrade, arpu_decline")
    versions: dict[str, int] = Field(description="By target, of the model; 0: the built-in one, trained on a simulated operator")
    base: float | None = Field(description="Log-odds where nothing is known; null where no model says")
    reasons: list[ReasonView] = Field(description="Those that raise it first, the strongest first; with `as_of` the strongest five")
    sensitivity: SensitivityView | None = Field(description="Null with `as_of` where nothing was known")
    row: dict[str, float | None] | None = Field(description="What the models read, by feature; null with `as_of`")
    scored_at: datetime


class LikelyItem(View):
    customer_id: str
    as_of: date
    population: str | None
    basis: Literal["model", "rules"]
    basis_reason: str
    probability: float
    probabilities: dict[str, float]
    versions: dict[str, int]
    scored_at: datetime


class Likely(BaseModel):
    items: list[LikelyItem]
    next_cursor: str | None


class NewModel(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"content_base64": "CAhSB2hvbGRmYXN0"}]})

    content_base64: Base64Bytes = Field(max_length=MOST_BASE64, description="The file that `make train` wrote")


class ModelReason(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "better on the last quarter"}]})

    reason: Text


class ModelView(View):
    version: int
    target: str
    population: str
    state: Literal["registered", "shadow", "champion", "retired"]
    sha256: str
    card: dict[str, Any] = Field(description="What the model says of itself: data, period, definition, metrics, limits")
    registered_by: str
    registered_at: datetime
    promoted_by: str | None
    promoted_at: datetime | None
    promoted_because: str | None
    replaced: int | None = Field(description="The champion before it; 0: the built-in one, or none")
    retired_by: str | None
    retired_at: datetime | None
    retired_because: str | None


class InForce(BaseModel):
    target: str
    population: str
    version: int = Field(description="0: built in")
    source: str = Field(description="simulated, own_history or file: what it was trained on")
    name: str


class Trouble(BaseModel):
    target: str
    population: str
    trouble: str


class ChurnModels(BaseModel):
    in_force: list[InForce]
    troubles: list[Trouble] = Field(description="Models that can not be used: rules go on in their place")
    items: list[ModelView]
    next_cursor: str | None


class ModelRolledBack(BaseModel):
    rolled_back: int
    in_force: int = Field(description="0: the built-in one, or none")
    target: str
    population: str


class Health(BaseModel):
    """By the newest day observed and the newest labels that are final."""

    as_of: date | None
    made_at: datetime | None
    customers: int
    document: dict[str, Any] = Field(description="Per target and population: PSI of features and score, calibration, and challengers beside the champion")
    alarms: list[str]
    troubles: list[Trouble]
