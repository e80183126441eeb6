"""Which open tasks of one person stay after a merge: one at most, and none that the person may not be contacted for.

The person was in trouble under one of the ids, so somebody still calls: once, and by what is agreed with the one who carries on.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from services.retention.contactable import Contactable

Reason = Literal["superseded", "not_contactable", "erased"]


class OpenTask(NamedTuple):
    task_id: str
    customer_id: str
    campaign_id: str
    channel: str
    priority: int
    opened_at: datetime


def to_cancel(tasks: Sequence[OpenTask], survivor: Contactable, *, held_out: Collection[str]) -> dict[str, Reason]:
    """Task id -> why. `held_out`: the campaigns from which one of the ids is held out."""
    reasons: dict[str, Reason] = {}
    kept = False
    for task in sorted(tasks, key=lambda task: (task.customer_id != survivor.customer_id, -task.priority, task.opened_at, task.task_id)):
        if task.campaign_id in held_out or not may_be_contacted(survivor, task.channel):
            reasons[task.task_id] = "not_contactable"
        elif kept:
            reasons[task.task_id] = "superseded"
        else:
            kept = True
    return reasons


def may_be_contacted(customer: Contactable, channel: str) -> bool:
    return customer.profile_sequence > 0 and not customer.do_not_contact and customer.consents.get(channel) is True
