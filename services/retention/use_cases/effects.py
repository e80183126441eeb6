"""What a campaign changed, so far and in money."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.retention import effect
from services.retention.effect import Arm
from services.retention.repository import decisions, worths
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
    arms = await worths.arms(tx, campaign_id, days=days, exposed_before=clock.now() - timedelta(days=days))
    treatment, hold_out = arms.get("treatment", Arm(0, 0)), arms.get("hold_out", Arm(0, 0))
    found = effect.measure(treatment, hold_out)
    money = effect.money(found, contacts=contacts, cost_minor=cost_minor, value_minor=value_minor)
    return {"days": days, "treatment": treatment, "hold_out": hold_out, "effect": found, "money": money}
