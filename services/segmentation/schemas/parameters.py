"""HTTP bodies of parameter sets."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

CHANGES_BYTES = 100_000
LATEST_START = datetime(2100, 1, 1, tzinfo=UTC)

Kind = Literal["segment", "tier", "grade", "star", "category", "lifecycle", "status_group", "cluster", "dunning_level", "churn_cause"]


def _can_be_kept(changes: dict[str, Any]) -> dict[str, Any]:
    try:
        size_bytes = len(orjson.dumps(changes))
    except TypeError as error:
        raise ValueError(f"no JSON that can be kept: {error}") from None
    if size_bytes > CHANGES_BYTES:
        raise ValueError(f"more than {CHANGES_BYTES} bytes")
    return changes


Changes = Annotated[dict[str, Any], AfterValidator(_can_be_kept)]
Why = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]+$")]


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DifferenceView(View):
    path: str = Field(description="Names joined by dots")
    before: Any = Field(description="Null: it was not there")
    after: Any = Field(description="A list is replaced as a whole; null: it is not there")


class SetView(View):
    """Who did what with a set, and when; null: not done."""

    version: int = Field(description="0: the built-in one")
    state: Literal["built_in", "draft", "approved", "rejected", "rolled_back"]
    is_in_force: bool
    based_on: int | None = None
    note: str = ""
    drafted_by: str | None = None
    drafted_at: datetime | None = None
    decided_by: str | None = Field(default=None, description="Who approved or rejected it")
    decided_at: datetime | None = None
    decided_because: str | None = Field(default=None, description="Of a rejected one")
    effective_from: datetime | None = Field(default=None, description="Of one that was approved")
    rolled_back_by: str | None = None
    rolled_back_at: datetime | None = None
    rolled_back_because: str | None = None


class SetInFull(SetView):
    document: dict[str, Any] = Field(description="Every threshold and weight: `GET /parameters/schema` describes it")
    differences: list[DifferenceView] = Field(description="To the set it is based on")


class Sets(BaseModel):
    items: list[SetView]
    next_cursor: str | None


class NowAndNext(BaseModel):
    in_force: SetInFull
    next: SetInFull | None = Field(description="Approved, and not effective yet")


class RolledBack(NowAndNext):
    rolled_back: list[int] = Field(description="The versions that were taken back")


class Draft(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"changes": {"patterns": {"silent_days": 28}}, "note": "fewer false warnings in summer"}]})

    changes: Changes = Field(
        description="A merge patch (RFC 7396) over the set it is based on: null puts a value back to the built-in one, a list is given whole"
    )
    based_on: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=10**9,
        description="What the changes were made from: it has to be the newest approved set; null: whichever that is",
    )
    note: Why


class PreviewRequest(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"sample": 500}]})

    sample: int = Field(default=2000, ge=1, le=20_000, description="Customers to look at, at most")


class Approval(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"effective_from": None}]})

    effective_from: Annotated[AwareDatetime, Field(lt=LATEST_START)] | None = Field(default=None, description="Null: now")


class Rejection(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "too many warnings"}]})

    reason: Why


class RollBack(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "three times as many warnings as in the preview"}]})

    reason: Why
    version: int | None = Field(default=None, ge=1, le=10**9, description="The one to take back, with what was approved on top of it; null: the one in force")


class KindEffect(BaseModel):
    changed: int
    matrix: dict[str, dict[str, int]] = Field(description="From -> to -> customers, those who stay among them; `none`: has none")


class Preview(BaseModel):
    """What would be otherwise if the set were in force now, instead of the one that is.

    What comes of it in groups is not in it: that somebody falls silent by other rules may warn the others of a closed user group.
    """

    version: int
    compared_with: int = Field(description="The version in force")
    as_of: date = Field(description="The day that the feeds have come to, as of a re-cut")
    customers: int = Field(description="Of how many")
    looked_at: int = Field(description="Fewer than there are: a sample, the same one each time, by a hash of the customers' ids")
    out_of_time: bool = Field(description="Fewer than were asked for: the time was over")
    changed: int = Field(description="Customers for whom anything changes")
    kinds: dict[Kind, KindEffect]
    value_before_minor: int = Field(description="Of all customers looked at")
    value_after_minor: int
    pyramid_cut_anew: bool = Field(description="Values or shares change: tiers are by the values of the customers looked at; else by the points in force")
    scores_cut_anew: bool = Field(description="Populations change: RFM is scored among the customers looked at; else by the cut points in force")
    not_shown: list[str] = Field(description="Changed, but only facts to come, or what is learned next, are judged by it")
