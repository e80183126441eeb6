"""The look at groups whose members changed: who is left in them is warned."""

from __future__ import annotations

from datetime import date, datetime

from services.segmentation.features import Features
from services.segmentation.patterns import raise_alerts
from services.segmentation.repository import groups as repository
from services.segmentation.use_cases import groups
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases.holding import Held, hold, settle
from services.segmentation.use_cases.rules import Rules
from shared import clock
from shared.database import Transaction


async def is_due(connection: Transaction) -> bool:
    return bool(await groups.changed(connection))


async def carry_on(tx: Transaction) -> bool:
    """A bounded number of groups; whether there may be more.

    1. Marked groups are read without a lock, and all their members are held.
    2. Each group is locked and looked at as it is then. Only the changes that were read first count as looked at: who joined in
       between is not held, and gets a look of their own.
    """
    marked = await groups.changed(tx)
    if not marked:
        return False
    now = clock.now()
    rules = await ruling.read(tx, now)
    listed = {row.group_id: await groups.members(tx, row.group_id) for row in marked}
    held = await hold(tx, {member.customer_id for found in listed.values() for member in found}, now)
    for group in marked:
        await _look_at(tx, group.group_id, group.changes, held, rules, now)
    await settle(tx, held, rules=rules, today=now.date(), now=now)
    return len(marked) == groups.GROUPS_AT_ONCE


async def _look_at(tx: Transaction, group_id: str, changes: int, held: Held, rules: Rules, now: datetime) -> None:
    group = await repository.lock(tx, group_id)
    raised_on = date.fromisoformat(group.raised_on) if group.raised_on else None
    parameters = rules.parameters.patterns
    found, raised_on = groups.findings(group_id, await groups.members(tx, group_id), raised_on=raised_on, now=now, parameters=parameters)
    for customer_id in sorted(found.keys() & held.features.keys()):
        features = held.features[customer_id]
        listed = found[customer_id] if _is_at_rest(features, group_id) else [one for one in found[customer_id] if one.kind == "group_churn"]
        if features.live:
            held.alerts += raise_alerts(features, listed, now=now, parameters=parameters)
    await repository.note_looked_at(tx, group_id, changes=changes, raised_on=raised_on)


def _is_at_rest(features: Features, group_id: str) -> bool:
    """In the group and showing nothing: who shows a sign, or was taken out of the group, is told only that it goes as a whole."""
    return not features.sign and group_id in set(groups.groups_of(features))
