"""What was heard of lately, of any kind: kept for drafts to be tried on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.retention import occasion
from services.retention.occasion import Alert
from services.retention.repository import campaigns
from shared import clock
from shared.database import Transaction

KEPT = timedelta(days=100)


async def keep(tx: Transaction, alerts: Sequence[Alert]) -> None:
    rows = {alert.raised.alert_id: row_of(alert) | {"raised_at": alert.raised.raised_at} for alert in alerts}
    await campaigns.keep_alerts(tx, list(rows.values()), since=clock.now() - KEPT)


def row_of(alert: Alert) -> dict[str, object]:
    return {"alert_id": alert.raised.alert_id, "customer_id": alert.customer_id, "alert": occasion.to_json(alert.raised)}
