"""What a campaign changed, so far and in money."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from services.retention import effect
from services.retention.comparing import compare
from services.retention.effect import Arm
from services.retention.repository import decisions, worths
from services.retention.strata import post_stratified, total
from shared import clock
from shared.database import Transaction
from shared.errors import NotFound

Document = dict[str, Any]

HORIZONS_DAYS = (30, 60, 90)


async def of_campaign(tx: Transaction, campaign_id: str) -> Document:
    """At each horizon, of who was exposed long enough ago. Raises NotFound."""
    if await decisions.get_campaign(tx, campaign_id) is None:
        raise NotFound(f"no campaign {campaign_id}")
    now = clock.now()
    contacts, cost_minor = await worths.spent(tx, campaign_id)
    value_minor = await worths.mean_value_minor(tx, campaign_id)
    return {
        "campaign_id": campaign_id,
        "as_of": now,
        "contacts": contacts,
        "mean_future_value_minor": value_minor,
        "horizons": [await _at(tx, campaign_id, days, contacts=contacts, cost_minor=cost_minor, value_minor=value_minor or 0) for days in HORIZONS_DAYS],
    }


async def _at(tx: Transaction, campaign_id: str, days: int, *, contacts: int, cost_minor: int, value_minor: int) -> Document:
    cells = await worths.cells(tx, campaign_id, days=days, exposed_before=clock.now() - timedelta(days=days))
    treatment, hold_out = _arms(cells)
    strata = {stratum: _arms([one for one in cells if one[2] == stratum]) for stratum in {one[2] for one in cells}}
    variants = {name: total([one for _, variant, _, one in cells if variant == name]) for _, name, _, _ in cells if name}
    found = effect.measure(treatment, hold_out)
    money = effect.money(found, contacts=contacts, cost_minor=cost_minor, value_minor=value_minor)
    return {
        "days": days,
        "treatment": treatment,
        "hold_out": hold_out,
        "effect": found,
        "stratified": post_stratified(strata),
        "variants": [{"name": name, "treatment": one, "effect": effect.measure(one, hold_out)} for name, one in sorted(variants.items())],
        "comparisons": compare(variants, hold_out),
        "money": money,
    }


def _arms(cells: Sequence[tuple[str, str | None, str, Arm]]) -> tuple[Arm, Arm]:
    """Treatment, hold-out."""
    return total([one[3] for one in cells if one[0] == "treatment"]), total([one[3] for one in cells if one[0] == "hold_out"])
