"""Churn scores, the models that make them, what is kept to learn from, and exposures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.segmentation.tables import CHURN_HISTORY, CHURN_MODELS, CHURN_SCORES, EXPOSURES, OBSERVATIONS
from shared.database import Transaction, among, insert_rows

_NAMES = tuple(column.name for column in CHURN_SCORES.c)
_HISTORY_NAMES = tuple(column.name for column in CHURN_HISTORY.c)
_BRIEF = tuple(column for column in CHURN_MODELS.c if column.name not in {"content"})
ACTIVE = ("champion", "shadow")


class Active(NamedTuple):
    """A model that scores now."""

    version: int
    state: str
    target: str
    population: str


async def before(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Any]:
    """What news is measured against."""
    scores = CHURN_SCORES.c
    query = sa.select(scores.customer_id, scores.population, scores.basis, scores.published, scores.published_probability)
    return {row.customer_id: row for row in (await tx.execute(query.where(among(tx, scores.customer_id, customer_ids)))).all()}


async def of(tx: Transaction, customer_id: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(CHURN_SCORES).where(CHURN_SCORES.c.customer_id == customer_id))).one_or_none()


async def rows_of(tx: Transaction, customer_ids: Collection[str]) -> dict[str, Any]:
    """What each was scored by last."""
    scores = CHURN_SCORES.c
    query = sa.select(scores.customer_id, scores.row, scores.row_version).where(among(tx, scores.customer_id, customer_ids))
    return {row.customer_id: row for row in (await tx.execute(query)).all()}


async def save(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    await insert_rows(tx, CHURN_SCORES, rows, key=("customer_id",), merge=dict.fromkeys(_NAMES[1:], "replace"))


async def add_history(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    await insert_rows(tx, CHURN_HISTORY, [{name: row.get(name) for name in _HISTORY_NAMES} for row in rows])


async def last_published(tx: Transaction, customer_ids: Collection[str]) -> dict[str, int]:
    history = CHURN_HISTORY.c
    query = sa.select(history.customer_id, sa.func.max(history.published)).where(among(tx, history.customer_id, customer_ids))
    return {row[0]: row[1] for row in await tx.execute(query.group_by(history.customer_id))}


async def as_of(tx: Transaction, customer_id: str, moment: datetime) -> sa.Row[Any] | None:
    """As it was known then."""
    history = CHURN_HISTORY
    query = sa.select(history).where(history.c.customer_id == customer_id, history.c.scored_at <= moment)
    return (await tx.execute(query.order_by(history.c.published.desc()).limit(1))).one_or_none()


async def drop(tx: Transaction, customer_ids: Collection[str]) -> None:
    if customer_ids:
        await tx.execute(CHURN_SCORES.delete().where(among(tx, CHURN_SCORES.c.customer_id, customer_ids)))


async def forget(tx: Transaction, customer_ids: Collection[str]) -> None:
    """Of who was erased: everything but that there was a score."""
    if customer_ids:
        for table in (CHURN_HISTORY, OBSERVATIONS, EXPOSURES):
            await tx.execute(table.delete().where(among(tx, table.c.customer_id, customer_ids)))


async def list_likely(tx: Transaction, *, at_least: float, population: str | None, before: tuple[float, str] | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Those who are here, likeliest to leave first."""
    scores = CHURN_SCORES.c
    names = ("customer_id", "as_of", "population", "basis", "basis_reason", "probability", "probabilities", "versions", "scored_at")
    query = sa.select(*(scores[name] for name in names)).where(scores.probability >= at_least, scores.probability > 0)
    if population is not None:
        query = query.where(scores.population == population)
    if before is not None:
        probability, customer_id = before
        query = query.where(sa.or_(scores.probability < probability, sa.and_(scores.probability == probability, scores.customer_id > customer_id)))
    return (await tx.execute(query.order_by(scores.probability.desc(), scores.customer_id).limit(limit))).all()


async def active(tx: Transaction) -> tuple[Active, ...]:
    models = CHURN_MODELS.c
    query = sa.select(models.version, models.state, models.target, models.population).where(models.state.in_(ACTIVE)).order_by(models.version)
    return tuple(Active(*row) for row in await tx.execute(query))


async def contents(tx: Transaction, versions: Collection[int]) -> dict[int, bytes]:
    query = sa.select(CHURN_MODELS.c.version, CHURN_MODELS.c.content).where(among(tx, CHURN_MODELS.c.version, versions))
    return {row.version: row.content for row in await tx.execute(query)}


async def lock_models(tx: Transaction) -> None:
    """One decides at a time. SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        await tx.execute(sa.text("LOCK TABLE churn_models IN SHARE ROW EXCLUSIVE MODE"))


async def model(tx: Transaction, version: int) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(*_BRIEF).where(CHURN_MODELS.c.version == version))).one_or_none()


async def model_of_content(tx: Transaction, sha256: str) -> sa.Row[Any] | None:
    return (await tx.execute(sa.select(*_BRIEF).where(CHURN_MODELS.c.sha256 == sha256))).one_or_none()


async def champion(tx: Transaction, target: str, population: str) -> sa.Row[Any] | None:
    models = CHURN_MODELS.c
    query = sa.select(*_BRIEF).where(models.target == target, models.population == population, models.state == "champion")
    return (await tx.execute(query)).one_or_none()


async def list_models(tx: Transaction, *, before: int | None, limit: int) -> Sequence[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(*_BRIEF).order_by(CHURN_MODELS.c.version.desc()).limit(limit)
    return (await tx.execute(query.where(CHURN_MODELS.c.version < before) if before is not None else query)).all()


async def insert_model(tx: Transaction, row: Mapping[str, Any]) -> int:
    """Its version."""
    version = int(await tx.scalar(sa.select(sa.func.coalesce(sa.func.max(CHURN_MODELS.c.version), 0))) or 0) + 1
    await tx.execute(CHURN_MODELS.insert().values(version=version, **row))
    return version


async def update_model(tx: Transaction, version: int, **changes: Any) -> None:
    await tx.execute(CHURN_MODELS.update().where(CHURN_MODELS.c.version == version).values(**changes))


async def observe(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Once a day: what was observed first stays."""
    await insert_rows(tx, OBSERVATIONS, rows, key=("observed_on", "customer_id"))


async def expose(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """The first exposure to a campaign stays."""
    await insert_rows(tx, EXPOSURES, rows, key=("customer_id", "campaign_id"))


async def drop_observed_before(tx: Transaction, day: str) -> None:
    await tx.execute(OBSERVATIONS.delete().where(OBSERVATIONS.c.observed_on < day))


async def unlabelled(tx: Transaction, target: str, *, until: str, limit: int) -> Sequence[sa.Row[Any]]:
    """Observations made by `until` whose label is not written down yet, the oldest first."""
    rows = OBSERVATIONS.c
    query = sa.select(OBSERVATIONS).where(rows[target].is_(None), rows.observed_on <= until)
    return (await tx.execute(query.order_by(rows.observed_on, rows.customer_id).limit(limit))).all()


async def observed_of(tx: Transaction, customer_ids: Collection[str], *, first: str, last: str) -> Sequence[Any]:
    """Rows of the customers between two days, in their order."""
    rows = OBSERVATIONS.c
    query = sa.select(rows.customer_id, rows.observed_on, rows.row, rows.row_version)
    query = query.where(among(tx, rows.customer_id, customer_ids), rows.observed_on >= first, rows.observed_on <= last)
    return (await tx.execute(query.order_by(rows.customer_id, rows.observed_on))).all()


async def label(tx: Transaction, target: str, labels: Iterable[tuple[str, str, int]]) -> None:
    """(observed_on, customer_id, label) each."""
    statement = (
        OBSERVATIONS.update()
        .where(OBSERVATIONS.c.observed_on == sa.bindparam("on"), OBSERVATIONS.c.customer_id == sa.bindparam("who"))
        .values({target: sa.bindparam("found")})
    )
    rows = [{"on": day, "who": customer_id, "found": found} for day, customer_id, found in labels]
    if rows:
        await tx.execute(statement, rows)


async def newest_observed(tx: Transaction) -> str | None:
    day: str | None = await tx.scalar(sa.select(sa.func.max(OBSERVATIONS.c.observed_on)))
    return day


async def days_observed(tx: Transaction, *, first: str) -> list[str]:
    """From a day on, in their order."""
    days = OBSERVATIONS.c.observed_on
    return list(await tx.scalars(sa.select(days).where(days >= first).group_by(days).order_by(days)))


async def observed_on(tx: Transaction, day: str, *, limit: int) -> Sequence[sa.Row[Any]]:
    rows = OBSERVATIONS.c
    return (await tx.execute(sa.select(OBSERVATIONS).where(rows.observed_on == day).order_by(rows.customer_id).limit(limit))).all()


async def labelled(tx: Transaction, target: str, *, since: str, after: tuple[str, str], limit: int) -> Sequence[sa.Row[Any]]:
    """Whose label is 0 or 1, from a day on, behind the position `after` (observed_on, customer_id)."""
    rows = OBSERVATIONS.c
    behind = sa.or_(rows.observed_on > after[0], sa.and_(rows.observed_on == after[0], rows.customer_id > after[1]))
    query = sa.select(OBSERVATIONS).where(rows[target] >= 0, rows.observed_on >= since, behind)
    return (await tx.execute(query.order_by(rows.observed_on, rows.customer_id).limit(limit))).all()


async def newest_labelled(tx: Transaction, target: str, *, limit: int) -> Sequence[sa.Row[Any]]:
    """Whose label is 0 or 1, those observed last."""
    rows = OBSERVATIONS.c
    return (await tx.execute(sa.select(OBSERVATIONS).where(rows[target] >= 0).order_by(rows.observed_on.desc(), rows.customer_id).limit(limit))).all()


async def unlabelled_exposures(tx: Transaction, *, until: str, limit: int) -> Sequence[sa.Row[Any]]:
    exposed = EXPOSURES.c
    query = sa.select(EXPOSURES).where(exposed.leave.is_(None), exposed.exposed_on <= until)
    return (await tx.execute(query.order_by(exposed.exposed_on, exposed.customer_id).limit(limit))).all()


async def label_exposures(tx: Transaction, labels: Iterable[tuple[str, str, int]]) -> None:
    """(customer_id, campaign_id, label) each."""
    statement = (
        EXPOSURES.update()
        .where(EXPOSURES.c.customer_id == sa.bindparam("who"), EXPOSURES.c.campaign_id == sa.bindparam("which"))
        .values(leave=sa.bindparam("found"))
    )
    rows = [{"who": customer_id, "which": campaign_id, "found": found} for customer_id, campaign_id, found in labels]
    if rows:
        await tx.execute(statement, rows)


async def exposure_counts(tx: Transaction) -> dict[str, dict[str, int]]:
    """By arm: customers with a label, and those who left."""
    exposed = EXPOSURES.c
    query = sa.select(exposed.arm, sa.func.count(), sa.func.sum(exposed.leave)).where(exposed.leave >= 0).group_by(exposed.arm)
    return {arm: {"customers": customers, "left": int(left)} for arm, customers, left in await tx.execute(query)}


async def exposures(tx: Transaction, *, row_version: int, limit: int) -> Sequence[Any]:
    """Labelled ones, the newest."""
    exposed = EXPOSURES.c
    query = sa.select(exposed.customer_id, exposed.arm, exposed.row, exposed.leave)
    query = query.where(exposed.leave >= 0, exposed.row.is_not(None), exposed.row_version == row_version)
    return (await tx.execute(query.order_by(exposed.exposed_on.desc(), exposed.customer_id).limit(limit))).all()
