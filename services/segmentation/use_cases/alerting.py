"""Warnings raised: stored once, and published."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.segmentation.patterns.finding import Alert
from services.segmentation.repository import alerts as repository
from services.segmentation.tables import OUTBOX
from services.segmentation.use_cases import feeds
from services.segmentation.use_cases.publishing import event_message
from shared import outbox
from shared.bus import Message
from shared.contracts.segmentation import AlertRaised
from shared.database import Transaction


async def raise_all(tx: Transaction, alerts: Sequence[Alert], *, parameter_version: int, now: datetime) -> None:
    if not alerts:
        return
    stale = {kind: await feeds.stale_among(tx, feeds.ALERTS_LIVE_ON[kind]) for kind in {alert.finding.kind for alert in alerts}}
    rows = [
        {
            "alert_id": alert.alert_id,
            "customer_id": alert.customer_id,
            "kind": alert.finding.kind,
            "severity": alert.finding.severity,
            "raised_at": now,
            "reason": alert.finding.reason,
            "evidence": alert.finding.evidence,
            "caused_by": alert.finding.caused_by,
            "parameter_version": parameter_version,
            "stale_feeds": stale[alert.finding.kind],
        }
        for alert in {alert.alert_id: alert for alert in alerts}.values()
    ]
    new = await repository.insert_alerts(tx, rows)
    await outbox.publish(tx, OUTBOX, [_raised(row) for row in rows if row["alert_id"] in new])


def _raised(row: dict[str, object]) -> Message:
    data = {name: value for name, value in row.items() if name != "customer_id"}
    return event_message(AlertRaised, str(row["customer_id"]), event_id=str(row["alert_id"]), data=data)
