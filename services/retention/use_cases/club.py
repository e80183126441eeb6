"""Levels of the loyalty club that changed: told to others, and decided about where they trigger a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.retention.contactable import Contactable
from services.retention.loyalty import RULES
from services.retention.occasion import Alert, Occasion
from services.retention.settings import load
from services.retention.tables import OUTBOX
from services.retention.use_cases import hearing, publishing
from services.retention.use_cases.deciding import decide_about
from shared import outbox
from shared.contracts.retention import ClubLevelChanged
from shared.database import Transaction

CLUB = "holdfast/retention/club"
DEFAULT_ZONE = load().timezone


class Moved(NamedTuple):
    """`event_id` names the event, and what campaigns decide about."""

    event_id: str
    customer_id: str
    changed: ClubLevelChanged


async def publish(tx: Transaction, moved: Sequence[Moved]) -> None:
    sent = [publishing.event_message(one.changed, one.customer_id, source=CLUB, event_id=one.event_id, at=one.changed.changed_at) for one in moved]
    await outbox.publish(tx, OUTBOX, sent)


def occasions(moved: Sequence[Moved]) -> list[Alert]:
    """Of those who rose or fell: who joins or leaves has no level to compare with."""
    return [Alert(one.customer_id, occasion) for one in moved if (occasion := _occasion(one))]


def _occasion(moved: Moved) -> Occasion | None:
    changed = moved.changed
    kind = RULES.move(changed.previous_level, changed.level)
    if kind is None:
        return None
    reason = f"{'Rose' if kind == 'club_rose' else 'Fell'} in the loyalty club from {changed.previous_level} to {changed.level}"
    return Occasion(moved.event_id, kind, "warning", reason, changed.changed_at)


async def decide(tx: Transaction, alerts: Sequence[Alert], customers: Mapping[str, Contactable]) -> None:
    """Where no activity brought them, but a redemption or time passing. The customers are locked."""
    await hearing.keep(tx, alerts)
    await decide_about(tx, alerts, customers, default_zone=DEFAULT_ZONE)
