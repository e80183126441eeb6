"""One evaluation: an operator that calls nobody, told to the services day by day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import orjson

from deploy.demo import state as states
from deploy.demo.events import midnight
from deploy.demo.faults import Delivery
from deploy.demo.stream import Stream
from deploy.demo.truth import lines_of
from deploy.evaluate.complaints import overdue
from deploy.evaluate.lockstep import Lockstep
from deploy.evaluate.metrics import Window
from deploy.evaluate.truth import Truth
from shared import clock
from shared.bus import Message
from shared.contracts.decoding import decode
from shared.errors import EventRejected
from shared.outbox import event_message

FIRST_DAY = date(2025, 1, 1)
HISTORY_STRIDE = timedelta(days=7)
WARM_UP = timedelta(days=42)  # day by day before anything is measured: longer than cool-downs, and than old facts are warned of
SEEN_AHEAD = timedelta(days=200)  # the truth: every drift that matters has ended by then
SETTLED_AHEAD = timedelta(days=30)  # and every complaint is resolved
ON_TIME = timedelta(seconds=1)
COUNTED = ("care.complaint_", "orders.customer_registered")


class Plan(NamedTuple):
    customers: int
    days: int
    history_months: int = 13
    steps_a_day: int = 2
    seed: int = 1
    fault_rate: float = 0.01

    @property
    def window(self) -> Window:
        first = date.fromisoformat(f"{clock.months_before(FIRST_DAY.isoformat()[:7], -self.history_months)}-01")
        return Window(first, first + timedelta(days=self.days))

    def moments(self) -> Iterator[datetime]:
        """Up to which it is told in each step; a second before the day is over, so that what is raised is of that day."""
        moment, daily, end = midnight(FIRST_DAY), midnight(self.window.first) - WARM_UP, midnight(self.window.end)
        while moment < end:
            step = timedelta(days=1) / self.steps_a_day if moment >= daily else min(HISTORY_STRIDE, daily - moment)
            moment += step
            yield moment - ON_TIME


@dataclass
class Operator:
    """The simulated one, and what of its events the truth needs."""

    plan: Plan
    stream: Stream
    sent: int = 0
    refused: int = 0
    counted: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, plan: Plan) -> Operator:
        start = midnight(FIRST_DAY)
        return cls(plan, Stream(seed=plan.seed, size=plan.customers, first_day=FIRST_DAY, fault_rate=plan.fault_rate, sent_until=start))

    def tell(self, until: datetime) -> list[Message]:
        """As the gateway would let it in, at that moment."""
        told = self.stream.until(until)
        messages = [message for one in told if (message := self._message(one))]
        self.sent += len(told)
        self.refused += len(told) - len(messages)
        return messages

    def truth(self) -> Truth:
        state = states.begun(self.plan.seed, self.plan.customers, self.plan.fault_rate, FIRST_DAY)
        lines: Sequence[Mapping[str, Any]] = list(lines_of(self.stream, state, self.plan.window.end + SEEN_AHEAD))
        for one in self.stream.until(midnight(self.plan.window.end) + SETTLED_AHEAD):
            self._note(one)
        return Truth.of(lines, overdue(self.counted.values()), self.plan.window)

    def _message(self, one: Delivery) -> Message | None:
        self._note(one)
        try:
            event = decode(one.body)
        except EventRejected:
            return None
        return event_message(event.data.topic, event.subject, event_type=event.type, event_id=event.id, value=one.body)

    def _note(self, one: Delivery) -> None:
        if not one.malformed and (event := orjson.loads(one.body))["type"].startswith(COUNTED):
            self.counted[one.event_id] = event


async def live_through(operator: Operator, system: Lockstep, say: Callable[[str], None]) -> None:
    months = set[str]()
    for moment in operator.plan.moments():
        clock.stand_at(moment)
        await system.live_through(moment, operator.tell(moment))
        month = clock.month_of(moment)
        if month not in months:
            months.add(month)
            say(f"{moment:%Y-%m-%d}  {operator.sent:,} events told")
