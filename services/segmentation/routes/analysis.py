"""HTTP in: business analysis, and what of the future revenue is at risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query, Response
from pydantic import StringConstraints

from services.segmentation.analysis.cells import DIMENSIONS
from services.segmentation.analysis.files import csv_of, parquet_of
from services.segmentation.analysis.series import Grain, Question
from services.segmentation.analysis.subjects import SUBJECTS, SubjectName
from services.segmentation.routes.parts import ID_PATTERN, Day
from services.segmentation.schemas.analysis import RecountAsked, RecountView, RevenueAtRisk, Standing, SubjectRows, Subjects, SubjectView
from services.segmentation.tables import IDEMPOTENCY
from services.segmentation.use_cases import analysis
from services.segmentation.use_cases.analysis import Answer, Purpose
from shared.errors import Conflict, InvalidRequest, NotFound
from shared.openapi import Responses, raises
from shared.web import IdempotencyKey, InTransaction, Reading, once

ROUTER = APIRouter(tags=["analysis"])

MONTH_PATTERN = r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$"
MOST_DIMENSIONS = 2
DIMENSION = "|".join(DIMENSIONS)

Format = Literal["json", "csv", "parquet"]
Aspect = Literal["status_group", "lifecycle", "category", "segment", "grade"]
RiskBy = Literal["brand", "region", "tier", "cause"]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=ID_PATTERN)]
Values = Annotated[list[Word] | None, Query(max_length=20, description="Only these; `none`: where it is not known")]
Only = Mapping[str, Sequence[str]]

BYTES = {"schema": {"type": "string", "format": "binary"}}
FILES: Responses = {200: {"content": {"text/csv": {"schema": {"type": "string"}}, "application/vnd.apache.parquet": BYTES}}}


async def _only(
    brand: Values = None, region: Values = None, tier: Values = None, channel: Values = None, payment_type: Values = None, key_account: Values = None
) -> Only:
    given = dict(zip(DIMENSIONS, (brand, region, tier, channel, payment_type, key_account), strict=True))
    return {name: values for name, values in given.items() if values}


async def _only_at_risk(brand: Values = None, region: Values = None, tier: Values = None, cause: Values = None) -> Only:
    given = {"brand": brand, "region": region, "tier": tier, "cause": cause}
    return {name: values for name, values in given.items() if values}


async def _by(
    by: Annotated[
        str | None,
        Query(
            max_length=100,
            json_schema_extra={"pattern": f"^({DIMENSION})(,({DIMENSION}))?$"},
            description=f"At most {MOST_DIMENSIONS} of {', '.join(DIMENSIONS)}",
        ),
    ] = None,
) -> tuple[str, ...]:
    names = () if by is None else tuple(by.split(","))
    if len(names) > MOST_DIMENSIONS or len(set(names)) < len(names) or not set(names) <= set(DIMENSIONS):
        raise InvalidRequest(f"by takes at most {MOST_DIMENSIONS} of {', '.join(DIMENSIONS)}, with a comma between them")
    return names


By = Annotated[tuple[str, ...], Depends(_by)]


@ROUTER.get("/analysis", operation_id="list_analysis_subjects", summary="The subjects of business analysis, with their measures and formulas")
async def list_subjects() -> Subjects:
    return Subjects(dimensions=list(DIMENSIONS), subjects=[SubjectView.model_validate(one) for one in SUBJECTS.values()])


@ROUTER.get("/analysis/revenue-at-risk", operation_id="revenue_at_risk", summary="Day by day", response_model=RevenueAtRisk, responses=FILES)
async def get_revenue_at_risk(
    connection: Reading,
    only: Annotated[Only, Depends(_only_at_risk)],
    by: RiskBy | None = None,
    since: Annotated[Day | None, Query(alias="from", description="Without it, 30 days before the last")] = None,
    until: Annotated[Day | None, Query(alias="to", description="Without it, today")] = None,
    format: Format = "json",
) -> Response:
    """Churn probability x future value, summed over customers. Of months long past the last day is there."""
    names = () if by is None else (by,)
    found = await analysis.revenue_at_risk(connection, since=since, until=until, question=Question(names, only))
    if format != "json":
        return _file("revenue_at_risk", found, format)
    return _json({"by": by, "since": found.since, "until": found.until, "rows": found.rows})


@ROUTER.get("/analysis/standing", operation_id="count_standing", summary="Customers and prospects now, by where they stand")
async def count_standing(connection: Reading, only: Annotated[Only, Depends(_only)], by: By, of: Aspect) -> Standing:
    return Standing(aspect=of, by=list(by), rows=await analysis.standing(connection, of, Question(by, only)))


@ROUTER.get(
    "/analysis/verify", operation_id="get_recount", summary="The newest recount: whether the sums agree with the customers' rows", responses=raises(NotFound)
)
async def get_recount(connection: Reading) -> RecountView:
    return RecountView.model_validate(await analysis.last_recount(connection))


@ROUTER.post("/analysis/verify", operation_id="verify_analysis", summary="Count everybody again, and compare", status_code=202, responses=raises(Conflict))
async def verify(tx: InTransaction, key: IdempotencyKey) -> RecountAsked:
    """The worker does it, beside its other work: `GET /analysis/verify` says how far it is, and what it found."""
    return await _recount(tx, key, "verify")


@ROUTER.post(
    "/analysis/recount",
    operation_id="recount_analysis",
    summary="Count everybody again, and put that in place of the sums",
    status_code=202,
    responses=raises(Conflict),
)
async def recount(tx: InTransaction, key: IdempotencyKey) -> RecountAsked:
    """As a verification; at its end the sums are those that were counted."""
    return await _recount(tx, key, "replace")


@ROUTER.get("/analysis/{subject}", operation_id="get_analysis", summary="A subject as a series", response_model=SubjectRows, responses=FILES)
async def get_subject(
    connection: Reading,
    subject: SubjectName,
    only: Annotated[Only, Depends(_only)],
    by: By,
    since: Annotated[str | None, Query(alias="from", pattern=MONTH_PATTERN, description="First month; without it, twelve before the last")] = None,
    until: Annotated[str | None, Query(alias="to", pattern=MONTH_PATTERN, description="Last month; without it, the one running")] = None,
    grain: Grain = "month",
    format: Format = "json",
) -> Response:
    """By the dimensions as customers have them now. The month running counts as far as it came."""
    found = await analysis.series(connection, subject, since=since, until=until, grain=grain, question=Question(by, only))
    if format != "json":
        return _file(subject, found, format)
    about = SubjectView.model_validate(SUBJECTS[subject]).model_dump()
    return _json(about | {"grain": grain, "by": by, "since": found.since, "until": found.until, "rows": found.rows})


async def _recount(tx: InTransaction, key: str, purpose: Purpose) -> RecountAsked:
    async def act() -> dict[str, Any]:
        return await analysis.ask_recount(tx, purpose)

    return RecountAsked.model_validate(await once(tx, IDEMPOTENCY, key=key, request={"recount": purpose}, act=act))


def _json(document: dict[str, Any]) -> Response:
    """As it is: it comes from the sums, and checking ten thousand rows would take longer than finding them."""
    return Response(orjson.dumps(document), media_type="application/json")


def _file(name: str, found: Answer, format: Literal["csv", "parquet"]) -> Response:
    content, media_type = (
        (csv_of(found.columns, found.rows), "text/csv; charset=utf-8")
        if format == "csv"
        else (parquet_of(found.columns, found.rows), "application/vnd.apache.parquet")
    )
    filename = f"{name}_{found.since}_{found.until}.{format}"
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{filename}"'})
