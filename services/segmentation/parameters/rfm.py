"""How recency, frequency and money are scored, and which segment they make."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from services.segmentation.parameters.section import Condition, Section
from services.segmentation.words import DEFAULT_SEGMENTS, Segment

ANY = "*"


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
