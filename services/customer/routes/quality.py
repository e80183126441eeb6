"""HTTP in: how good what is known of customers is, and whether contacts arrive."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from services.customer.schemas.quality import CustomerQuality, DataQuality, ListedQuality, WorstQualities
from services.customer.use_cases import quality
from shared.errors import Gone, NotFound
from shared.openapi import raises
from shared.web import PLAIN_TEXT, Keys, Reading, decode_cursor, encode_cursor

ROUTER = APIRouter(tags=["data quality"])

Word = Annotated[str | None, Query(max_length=128, pattern=PLAIN_TEXT)]
Month = Annotated[str | None, Query(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="Registered in; all without it")]


@ROUTER.get(
    "/customers/{customer_id}/quality",
    operation_id="get_quality",
    summary="What is missing or wrong, and how well each contact point works",
    responses=raises(Gone, NotFound),
)
async def get_quality(connection: Reading, keyring: Keys, customer_id: Annotated[str, Path(max_length=128, pattern=PLAIN_TEXT)]) -> CustomerQuality:
    return CustomerQuality.model_validate(await quality.of_customer(connection, keyring, customer_id))


@ROUTER.get("/kpi/data-quality", operation_id="data_quality", summary="Completeness and validity by who acquired the customers")
async def data_quality(connection: Reading, by: Literal["channel", "agent"], month: Month = None) -> DataQuality:
    return DataQuality.model_validate({"by": by, "month": month, "items": await quality.averages(connection, by, month=month)})


@ROUTER.get("/quality/worst", operation_id="worst_quality", summary="Customers of whom least is known, or least is right, first")
async def worst_quality(
    connection: Reading,
    channel: Word = None,
    agent: Word = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> WorstQualities:
    after = decode_cursor(cursor, int, str) or (-1, "")
    found = await quality.worst(connection, channel=channel, agent=agent, after=(after[0], after[1]), limit=limit)
    following = encode_cursor(found[-1]["score_percent"], found[-1]["customer_id"]) if len(found) == limit else None
    return WorstQualities(items=[ListedQuality.model_validate(one) for one in found], next_cursor=following)
