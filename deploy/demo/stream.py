"""All that the operator's systems send, in the order in which they send it. The same state gives the same stream, whether it ran through or was stopped."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

from deploy.demo import population
from deploy.demo.behaviour import FOLLOWS_WITHIN, events_of
from deploy.demo.course import Contact, Course, course_of
from deploy.demo.events import midnight
from deploy.demo.faults import LATEST, Delivery, deliveries
from deploy.demo.population import Customer

NUMBER_RESTS = timedelta(days=90)  # before it is given to someone else
AWAY = timedelta(days=10), timedelta(days=80)  # of those who come back as somebody new
PROSPECTS_AHEAD = timedelta(days=4)
REACH = FOLLOWS_WITHIN + LATEST + timedelta(days=1)  # nothing is sent later than this after its day


class Stream:
    def __init__(self, *, seed: int, size: int, first_day: date, fault_rate: float, sent_until: datetime, contacts: Iterable[tuple[str, Contact]] = ()) -> None:
        self._seed, self._size, self._fault_rate = seed, size, fault_rate
        self.customers: dict[str, Customer] = {one.customer_id: one for one in population.initial(seed, size, first_day)}
        self._contacts: dict[str, list[Contact]] = defaultdict(list)
        for customer_id, contact in contacts:
            self._contacts[customer_id].append(contact)
        self._courses: dict[str, Course] = {}
        self._pending: list[Delivery] = []
        self._resting: list[tuple[date, str]] = []
        self._gone: list[tuple[date, Customer]] = []
        self._next_day = first_day
        self._recall(sent_until)

    def course(self, customer_id: str) -> Course:
        if customer_id not in self._courses:
            self._courses[customer_id] = course_of(self.customers[customer_id], self._contacts[customer_id])
        return self._courses[customer_id]

    def call(self, customer_id: str, contact: Contact) -> None:
        """The customer was reached: their course may change from the next day on."""
        self._contacts[customer_id].append(contact)
        self._courses.pop(customer_id, None)

    def prospects(self) -> Iterator[Customer]:
        """Who will come in the next days, as far as somebody knows of them already."""
        number, day = len(self.customers), self._next_day
        while day < self._next_day + PROSPECTS_AHEAD:
            for _ in range(population.newcomers_on(self._seed, self._size, day)):
                if population.was_prospect(self._seed, number):
                    yield population.newcomer(self._seed, self._size, number, day)
                number += 1
            day += timedelta(days=1)

    def until(self, moment: datetime) -> list[Delivery]:
        """Everything due before `moment` that was not given before."""
        while midnight(self._next_day) < moment:
            self._tell(self._next_day)
        due = []
        while self._pending and self._pending[0].send_at < moment:
            due.append(heapq.heappop(self._pending))
        return due

    def _recall(self, sent_until: datetime) -> None:
        """Lives through what was sent already, and keeps what was still to be sent."""
        while midnight(self._next_day) < sent_until:
            if midnight(self._next_day) < sent_until - REACH:
                self._admit(self._next_day)
                self._next_day += timedelta(days=1)
            else:
                self._tell(self._next_day)
        self._pending = [one for one in self._pending if one.send_at >= sent_until]
        heapq.heapify(self._pending)

    def _tell(self, day: date) -> None:
        self._admit(day)
        for customer in self.customers.values():
            for at, event in events_of(customer, self.course(customer.customer_id), day):
                for delivery in deliveries(event, max(at, midnight(day)), seed=self._seed, rate=self._fault_rate):
                    heapq.heappush(self._pending, delivery)
        self._next_day = day + timedelta(days=1)

    def _admit(self, day: date) -> None:
        """Newcomers of the day; the numbers of those who left long ago are given out again first."""
        gone = [one for one in self.customers.values() if self.course(one.customer_id).left == day]
        self._gone += [(day, one) for one in gone]
        self._resting += [(day, one.msisdn) for one in gone]
        for _ in range(population.newcomers_on(self._seed, self._size, day)):
            rested = bool(self._resting) and self._resting[0][0] + NUMBER_RESTS <= day
            recycled = self._resting.pop(0)[1] if rested else None
            one = self._one_who_is_back(population.newcomer(self._seed, self._size, len(self.customers), day, recycled), day)
            self.customers[one.customer_id] = one

    def _one_who_is_back(self, one: Customer, day: date) -> Customer:
        """The newcomer, or one of those who left in the last weeks under the newcomer's number."""
        self._gone = [(left, who) for left, who in self._gone if day - left <= AWAY[1]]
        away = [(left, who) for left, who in self._gone if day - left >= AWAY[0]]
        if not away or not population.may_be_back(self._seed, one.number):
            return one
        self._gone.remove(away[0])
        return population.back_again(one, away[0][1])
