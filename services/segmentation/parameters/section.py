"""What the sections of a parameter set are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.segmentation.words import Measure

Days = Annotated[int, Field(ge=0, le=3650)]
Percent = Annotated[int, Field(ge=0, le=100)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Minor = Annotated[int, Field(ge=-(10**12), le=10**12, description="Minor units of the operator's currency")]
Weight = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]


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
