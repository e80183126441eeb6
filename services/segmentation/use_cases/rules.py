"""What customers are judged by at this moment: the parameter set in force, the newest of what was learned, and the churn models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple

from services.segmentation.churn.scoring import Models
from services.segmentation.models import Learned
from services.segmentation.parameters import BUILT_IN, Parameters, ParameterSet, parameters_of
from services.segmentation.repository import customers
from services.segmentation.repository import learning as models
from services.segmentation.repository import parameters as sets
from services.segmentation.seen import Seen
from services.segmentation.use_cases import champions
from shared.database import Transaction


class Rules(NamedTuple):
    in_force: ParameterSet
    learned: Learned
    heard: Mapping[str, date] = {}
    """How far the feeds of usage and payments have come."""
    models: Models = Models()

    @property
    def parameters(self) -> Parameters:
        return self.in_force.parameters

    def seen(self, today: date) -> Seen:
        return Seen(today, *(min(today, self.heard[name]) if name in self.heard else None for name in ("usage", "payments")))

    def behaviour_until(self, today: date) -> date:
        return self.seen(today).behaviour


async def in_force(tx: Transaction, now: datetime) -> ParameterSet:
    row = await sets.in_force(tx, now)
    return ParameterSet(row.version, parameters_of(row.document)) if row else BUILT_IN


async def read(tx: Transaction, now: datetime) -> Rules:
    """Small reads per batch: documents are decoded once per process, as a version never changes."""
    return Rules(await in_force(tx, now), await _learned(tx), await customers.heard(tx), await champions.read(tx))


_decoded: dict[tuple[tuple[str, models.Made], ...], Learned] = {}


async def _learned(tx: Transaction) -> Learned:
    made = tuple(sorted((await models.newest(tx)).items()))
    if made not in _decoded:
        found = Learned.of({row.kind: (row.version, row.document) for row in await models.list_newest(tx)})
        _decoded.clear()  # only the newest is ever asked for
        _decoded[made] = found
    return _decoded[made]
