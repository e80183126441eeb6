"""What is new about customers and the warnings about them, taken in together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.retention import occasion
from services.retention.contactable import Contactable, hear, renewed
from services.retention.occasion import Alert
from services.retention.repository import campaigns
from services.retention.repository import credits as credits_repository
from services.retention.repository import decisions as repository
from services.retention.use_cases import hearing, loyalty, reachability, troubles, works, worths
from services.retention.use_cases.cancelling import cancel_after
from services.retention.use_cases.deciding import decide_about
from shared import clock
from shared.contracts.customer import Activity
from shared.contracts.envelope import Event
from shared.contracts.segmentation import AlertRaised, MomentReached
from shared.database import Transaction
from shared.errors import InvalidEvent
from shared.worker import Delivery


@dataclass(slots=True)
class Heard:
    """What the activities of a batch changed, and told of what else is kept."""

    customers: dict[str, Contactable] = field(default_factory=dict)
    reset: set[str] = field(default_factory=set)
    troubled: list[troubles.Told] = field(default_factory=list)
    told: list[loyalty.Told] = field(default_factory=list)
    works: list[works.Told] = field(default_factory=list)

    def apply(self, before: Contactable, sequence: int, activity: Activity) -> None:
        customer_id = before.customer_id
        self.customers[customer_id] = after = hear(before, sequence, activity)
        if activity.resets:
            self._forget(customer_id)
        self.troubled += troubles.told_by(customer_id, () if after.is_gone else activity.facts)

    def _forget(self, customer_id: str) -> None:
        self.reset.add(customer_id)
        self.troubled = [told for told in self.troubled if told[0].customer_id != customer_id]


async def take_in(tx: Transaction, deliveries: Sequence[Delivery], *, default_zone: str) -> None:
    """Take in what is new about customers, then decide about the alerts raised about them.

    0. What segmentation told of them is noted first: the alerts of the same batch are weighed by it.
    1. Lock every customer concerned, and who they were merged into: two workers never decide about one customer at once.
    2. Apply the activities, each once.
    3. After a merge or an erasure, cancel tasks that are not to be worked any more; book the points of payments and redemptions
       (a level in the club that rises or falls by them joins the alerts), note what troubles the customers, and propose what is owed for
       it and for work that was late.
    4. An alert about a customer who is unknown even now waits; those that waited for one who became known join in.
    5. Decide, each alert once per campaign it triggers, under the locks of the campaigns.
    """
    await worths.take_in(tx, deliveries)
    deliveries = [one for one in deliveries if isinstance(one.event.data, Activity | AlertRaised | MomentReached)]
    activities = [one for one in deliveries if isinstance(one.event.data, Activity)]
    survivors = {one.event.data.merged_into for one in activities if one.event.data.merged_into}
    concerned = await loyalty.concerned(tx, ((_customer_id(one.event), one.event.data) for one in activities))
    held = await repository.lock_contactables(tx, survivors | concerned | {_customer_id(one.event) for one in deliveries})
    heard = await _hear(tx, held, activities)
    customers = held | heard.customers
    erased = {one for one in heard.reset if customers[one].erased}
    await cancel_after(tx, customers, heard.reset)
    moved = await loyalty.take_in(tx, heard.told, concerned=concerned, erased=erased)
    await reachability.begin_anew(tx, {one: renewed(held[one], customers[one]) for one in heard.customers})
    await works.take_in(tx, [one for one in heard.works if one.customer_id not in erased], customers, default_zone=default_zone)
    await troubles.take_in(tx, heard.troubled, customers, reset=heard.reset)
    await credits_repository.forget(tx, erased)
    told = [one.event for one in deliveries if isinstance(one.event.data, AlertRaised | MomentReached)]
    alerts = [*(Alert(_customer_id(event), occasion.of(event.data)) for event in told), *moved]
    await hearing.keep(tx, alerts)
    await campaigns.forget_alerts(tx, erased)
    await _let_wait(tx, [alert for alert in alerts if not customers[alert.customer_id].known])
    released = await _release(tx, {one for one in heard.customers if customers[one].known and not held[one].known})
    ripe = [*released, *(alert for alert in alerts if customers[alert.customer_id].known)]
    await decide_about(tx, ripe, customers, default_zone=default_zone)


async def _hear(tx: Transaction, held: Mapping[str, Contactable], deliveries: Sequence[Delivery]) -> Heard:
    """Apply each activity once: a sequence that was passed is a duplicate, unless it is a dead letter published again. What was
    told before a reset is void."""
    heard = Heard()
    for delivery in deliveries:
        event, customer_id = delivery.event, _customer_id(delivery.event)
        if event.sequence is None:
            raise InvalidEvent("an activity without a sequence can not be told from its duplicate")
        before = heard.customers.get(customer_id, held[customer_id])
        is_passed = event.sequence <= before.last_sequence and not delivery.replayed
        if not is_passed and event.sequence > before.reset_sequence:
            heard.apply(before, event.sequence, event.data)
            if not heard.customers[customer_id].is_gone:
                heard.told += loyalty.told_by(customer_id, event.time, event.data)
                heard.works += works.told_by(customer_id, event.time, event.data)
    await repository.save_contactables(tx, heard.customers.values())
    return heard


async def _let_wait(tx: Transaction, alerts: Sequence[Alert]) -> None:
    now = clock.wall()
    rows = {alert.raised.alert_id: hearing.row_of(alert) | {"waits_since": now} for alert in alerts}
    await repository.wait(tx, list(rows.values()))


async def _release(tx: Transaction, customer_ids: set[str]) -> list[Alert]:
    """The alerts that waited for these customers."""
    if not customer_ids:
        return []
    now = clock.wall()
    rows = await repository.take_waiting(tx, customer_ids)
    return [Alert(row.customer_id, occasion.from_json(row.alert), now - row.waits_since) for row in rows]


def _customer_id(event: Event[Any]) -> str:
    return event.subject.removeprefix("customer:")
