"""What really happened on the simulated operator, as episodes that a warning of each kind should tell of.

Nobody is called, so that the truth is what it is. A person is one however many ids they had: registered twice, or back again after
they left. A **drift** is a time in which a customer turns away, for one of the hidden causes; it ends on its last day, when two in three
leave and the others come back to their usual in two weeks (`RECOVERS`). A warning in those two weeks is not false, but too late.

| kind | the episode | a warning helps until |
| --- | --- | --- |
| usage_fall, rfm_migration, peer_churn | a drift of any cause | the day before they leave, or the drift's end |
| forwarding_off_net | a drift to a rival's offer: who forwards to the rival | the same |
| multi_sim | a drift of those who keep the SIM for incoming calls | the same |
| port_out_inquiry | a drift that ends in a port-out | the day before the port-out |
| complaint_overdue | from when a stage of a complaint was past due until it is resolved | the day it is resolved |
| contract_ending | the last 45 days of a contract | its last day |
| silent | none: whoever is a customer here is used every week, so each such warning is false | |
| group_churn | of a closed user group: its employer moves, two or more of its members drift from the same day on | the day before the first leaves |
| arrears | a drift in which bills are paid late or not at all | the day before we end the contract, or its end |
| fraud | the days on which somebody else uses the number (true until two days later: it is told the next day) | the last of them |
| any_churn | a drift of any cause; by any of `CHURN` | as of usage_fall |
| any_churn, leavers | a drift that ends in leaving by the customer's own will | the day before |
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from deploy.demo.behaviour import CONTRACT_DAYS, PORTS_OUT
from deploy.demo.course import DAYS_TO_RECOVER
from deploy.demo.population import Cause
from deploy.evaluate.complaints import Overdue
from deploy.evaluate.metrics import Episode, Window

CHURN = ("usage_fall", "forwarding_off_net", "port_out_inquiry", "multi_sim", "silent", "group_churn", "peer_churn")
"""What tells of somebody's leaving; complaints, contracts, debts and fraud are matters of their own."""
ANY, LEAVERS = "any_churn", "any_churn, leavers"

ONE_DAY = timedelta(days=1)
RECOVERS = timedelta(days=DAYS_TO_RECOVER)
TOLD_LATE = timedelta(days=2)
CONTRACT_ENDING = timedelta(days=45)
CONTRACT_TERM = timedelta(days=CONTRACT_DAYS)

Line = Mapping[str, Any]


class Truth(NamedTuple):
    """`lines` as deploy/demo/truth.py writes them, as of a day by which all that is asked about has ended."""

    lines: Sequence[Line]
    complaints: Sequence[Overdue]
    window: Window
    people: Mapping[str, str]
    """Customer id -> person."""

    @classmethod
    def of(cls, lines: Sequence[Line], complaints: Sequence[Overdue], window: Window) -> Truth:
        return cls(lines, complaints, window, people_of(lines))

    def person(self, customer_id: str) -> str:
        return self.people.get(customer_id, customer_id)

    def episodes(self, kind: str) -> list[Episode]:
        return list(_EPISODES[kind](self))

    def customer_days(self) -> int:
        """Days in the window, of all who are customers on them."""
        return sum(self.window.overlap_days(line["joined"].date(), line["left"] or self.window.end) for line in self.lines)

    def group_days(self) -> int:
        groups = {line["cug"] for line in self.lines if line["cug"]}
        return len(groups) * (self.window.end - self.window.first).days

    def left(self) -> dict[str, list[date]]:
        """When each person left by their own will."""
        found: dict[str, list[date]] = defaultdict(list)
        for line in self.lines:
            if line["left"] and line["cause"] != Cause.ARREARS:
                found[self.person(line["customer_id"])].append(line["left"])
        return found


def people_of(lines: Iterable[Line]) -> dict[str, str]:
    """A former customer comes before who they are now."""
    people: dict[str, str] = {}
    for line in lines:
        former: str | None = line["former_customer_id"]
        person: str = people.get(former, former) if former else line["customer_id"]
        people[line["customer_id"]] = person
        if line["registered_twice_as"]:
            people[line["registered_twice_as"]] = person
    return people


def _drifts(truth: Truth, *causes: Cause) -> Iterator[Episode]:
    """Of these causes; of any, where none is named."""
    for line in truth.lines:
        if not causes or line["cause"] in causes:
            yield from (_episode(truth.person(line["customer_id"]), drift) for drift in _ended(line))


def _ended(line: Line) -> list[Mapping[str, Any]]:
    return [drift for drift in line["drifts"] if drift["ended"]]


def _episode(who: str, drift: Mapping[str, Any]) -> Episode:
    left, ended = drift["how"] == "left", drift["ended"]
    return Episode(who, drift["began"], ended - ONE_DAY if left else ended, ended if left else ended + RECOVERS, ended if left else None)


def _leavers(truth: Truth, *causes: Cause) -> Iterator[Episode]:
    return (episode for episode in _drifts(truth, *causes) if episode.left)


def _complaints(truth: Truth) -> Iterator[Episode]:
    for one in truth.complaints:
        yield Episode(truth.person(one.customer_id), one.since.date(), one.resolved.date(), one.resolved.date())


def _contracts(truth: Truth) -> Iterator[Episode]:
    for line in truth.lines:
        ends, last = line["contract_ends"], line["left"] or date.max
        while ends and ends >= truth.window.first:
            if ends <= last and ends - CONTRACT_ENDING >= line["joined"].date():
                yield Episode(truth.person(line["customer_id"]), ends - CONTRACT_ENDING, ends, ends)
            ends -= CONTRACT_TERM


def _moves(truth: Truth) -> Iterator[Episode]:
    moves: dict[tuple[str, date], list[Mapping[str, Any]]] = defaultdict(list)
    for line in truth.lines:
        for drift in _ended(line) if line["cause"] == Cause.EMPLOYER_PAID else ():
            moves[line["cug"], drift["began"]].append(drift)
    for (cug, began), drifts in moves.items():
        first_left = min((drift["ended"] for drift in drifts if drift["how"] == "left"), default=None)
        last = max(drift["ended"] for drift in drifts)
        if len(drifts) > 1:
            yield Episode(f"cug:{cug}", began, first_left - ONE_DAY if first_left else last, last + RECOVERS, first_left)


def _frauds(truth: Truth) -> Iterator[Episode]:
    for line in truth.lines:
        days = line["fraud_on"]
        if days:
            yield Episode(truth.person(line["customer_id"]), days[0], days[-1], days[-1] + TOLD_LATE)


_EPISODES: dict[str, Callable[[Truth], Iterable[Episode]]] = {
    "usage_fall": _drifts,
    "forwarding_off_net": lambda truth: _drifts(truth, Cause.RIVAL_OFFER),
    "port_out_inquiry": lambda truth: _leavers(truth, *PORTS_OUT),
    "multi_sim": lambda truth: _drifts(truth, Cause.MULTI_SIM),
    "complaint_overdue": _complaints,
    "contract_ending": _contracts,
    "rfm_migration": _drifts,
    "silent": lambda truth: (),
    "group_churn": _moves,
    "peer_churn": _drifts,
    "arrears": lambda truth: _drifts(truth, Cause.ARREARS),
    "fraud": _frauds,
    ANY: _drifts,
    LEAVERS: lambda truth: _leavers(truth, *(cause for cause in Cause if cause is not Cause.ARREARS)),
}
