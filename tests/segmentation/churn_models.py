"""Small churn models of the real rows, for tests: they know of falling calls and of inquiries, and of nothing else."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import numpy as np

from services.segmentation.churn.drift import reference
from services.segmentation.churn.model import Card
from services.segmentation.churn.row import FEATURES, ROW_VERSION
from services.segmentation.training.export import export
from services.segmentation.training.fit import Table, fit
from tests.harness import ServiceUnderTest

ROWS = 1_500
CALLS, INQUIRIES = FEATURES.index("out_seconds_percent"), FEATURES.index("port_out_inquiries_3m")


@cache
def model_of(population: str = "established", *, target: str = "leave", seed: int = 0, **said: Any) -> bytes:
    table = _table(seed)
    fitted = fit(table, most_trees=40, seed=seed)
    card = Card(
        name=f"of a test, seed {seed}",
        target=target,  # type: ignore[arg-type]
        population=population,
        features=FEATURES,
        row_version=said.get("row_version", ROW_VERSION),
        source="file",
        data="drawn by a test",
        horizon_days=30,
        rows=ROWS,
        positives=int(table.labels.sum()),
        training_base_rate=fitted.training_base_rate,
        deployment_base_rate=fitted.deployment_base_rate,
        typical={"out_seconds_percent": 100.0},
        reference={"out_seconds_percent": reference(table.rows[:, CALLS]), "score": reference(fitted.held_out.probabilities)},
    )
    return export(fitted, card)


async def register(segmentation: ServiceUnderTest, content: bytes, *, actor: str = "ann") -> int:
    answer = await segmentation.http.post("/churn/models", json={"content_base64": base64.b64encode(content).decode()}, headers={"X-Actor": actor})
    assert answer.status_code == 201, answer.text
    version: int = answer.json()["version"]
    return version


async def promoted(segmentation: ServiceUnderTest, content: bytes) -> int:
    version = await register(segmentation, content)
    answer = await segmentation.http.post(f"/churn/models/{version}/promote", json={"reason": "better"}, headers={"X-Actor": "bob"})
    assert answer.status_code == 200, answer.text
    return version


def _table(seed: int) -> Table:
    """Who calls half as much leaves often, and who asked for the PIN more often still."""
    random = np.random.default_rng(seed)
    rows = np.full((ROWS, len(FEATURES)), np.nan, np.float32)
    rows[:, CALLS] = random.uniform(10, 150, ROWS)
    rows[:, INQUIRIES] = random.integers(0, 2, ROWS)
    log_odds = -3 + 2 * (rows[:, CALLS] < 60) + 2 * rows[:, INQUIRIES]
    labels = (random.random(ROWS) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    return Table(FEATURES, rows, labels, np.arange(ROWS))
