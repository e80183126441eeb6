"""What order entry reports of work at customers' homes because of one day: most is done in time. Pure, as all of behaviour.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from deploy.demo.events import Report, money, report
from deploy.demo.scene import Scene

FEES_MINOR = {"installation": 9_900, "repair": 4_900, "relocation": 12_900, "number_change": 2_000}
PROMISED_DAYS = 3
CANCELLED_SHARE, LATE_SHARE = 0.1, 0.2
LATEST_DAYS = 12


def works(scene: Scene) -> Iterator[Report]:
    """Some promise a time, for others it is that of the customer's service level."""
    if not scene.happens(1.5):
        return
    work, kind, asked = {"work_id": scene.name("W")}, scene.dice.choice(tuple(FEES_MINOR)), scene.at()
    promised = asked + timedelta(days=PROMISED_DAYS) if scene.dice.random() < 0.5 else None
    yield money(asked, "orders.work_promised", scene.by_customer, kind=kind, promised_by=promised, one_off_fee_minor=FEES_MINOR[kind], **work)
    fate = scene.dice.random()
    if fate < CANCELLED_SHARE:
        yield report(scene.at(days=1), "orders.work_cancelled", scene.by_customer, **work)
        return
    days = scene.dice.randint(PROMISED_DAYS + 1, LATEST_DAYS) if fate > 1 - LATE_SHARE else scene.dice.randint(1, PROMISED_DAYS - 1)
    done = scene.at(days=days)
    yield report(done, "orders.work_completed", scene.by_customer, completed_at=done, **work)
