"""A seeded stream of reports whose truth is known, in the disorder that producers make of it. Pure: the same seed, the same bytes.

Event times lie all over four months, whatever the order of sending. Customers are registered after much of what is said of
them, some late, a few never. Numbers are handed on from one to the next, which is known late too. One report in twelve is sent
again. One in a hundred can not be applied.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

import orjson

from deploy.chaos.ledger import LARGEST, Purchase, Report
from deploy.chaos.spoilers import SPOILERS, too_large

# The clock of the workers starts here.
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HISTORY = timedelta(days=120)
# A warning about what is older than five weeks is never raised.
RECENT = timedelta(days=20)
# Terminations come last in event time: then it does not matter when they arrive.
LAST_HOUR = timedelta(hours=1)

REPORTS_PER_CUSTOMER = 40
NEVER_REGISTERED, REGISTERED_LATE, TERMINATED, WANTS_TO_LEAVE, HANDED_ON = 0.03, 0.2, 0.05, 0.3, 0.2
# Days ago.
HANDED_ON_BETWEEN = (30, 80)
TWICE, MALFORMED, ABOUT_A_CELL, TOO_EARLY = 0.08, 0.01, 0.005, 0.005
METHODS = ("cash", "card", "direct_debit", "wallet", "voucher")
REGIONS = ("hangzhou", "ningbo", "wenzhou")
PLANS = ("gotone-58", "gotone-88", "gotone-128")


class Sending(NamedTuple):
    """`at` is when, as a share of the run."""

    at: float
    report: Report


class Who(NamedTuple):
    """`claims`: from when on the number was whose, the first owner first."""

    customer_id: str
    account: str
    msisdn: str
    subscription: str
    since: datetime
    claims: tuple[tuple[datetime, str], ...]

    @property
    def shares_number(self) -> bool:
        return len(self.claims) > 1

    @property
    def by_number(self) -> str:
        """As a subject of what has to be this customer's whenever it happened."""
        return f"customer:{self.customer_id}" if self.shares_number else f"msisdn:{self.msisdn}"

    def owner_at(self, moment: datetime) -> str:
        """Of the number; empty: nobody."""
        return next((owner for since, owner in reversed(self.claims) if since <= moment), "")


class Said(NamedTuple):
    """What a report says and what has to come of it, before it has a name."""

    type: str
    subject: str
    data: dict[str, Any]
    measures: dict[str, int] = {}
    purchase: Purchase = Purchase()
    sets: dict[str, str] = {}
    # A summary lands where its period starts.
    starts: datetime | None = None


def stream(*, seed: int, reports: int) -> list[Sending]:
    """About so many distinct reports and their copies, in the order of sending."""
    names = Names()
    sendings: list[Sending] = []
    for number in range(0, max(10, reports // REPORTS_PER_CUSTOMER), 2):
        for who in _pair(Random(f"{seed}:{number}:pair"), number):
            sendings += _customer(Random(f"{seed}:{who.customer_id}"), names, who)
    sendings.append(Sending(0.5, _spoiled(Random(seed), names, _payment(Random(seed), NOW, _who(0, NOW)), "too_large")))
    return sorted(sendings, key=lambda sending: (sending.at, sending.report.name))


class Names:
    """Each system has two sources that number their events from one: an id alone names nothing."""

    def __init__(self) -> None:
        self._numbers: dict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))

    def next(self, dice: Random, topic: str) -> tuple[str, str]:
        source = f"{topic}/{dice.choice('ab')}"
        return source, f"e-{next(self._numbers[source])}"


def _who(number: int, since: datetime) -> Who:
    customer_id = f"C-{number:05}"
    return Who(customer_id, f"A-{number:05}", f"86138{number:08}", f"S-{number:05}", since, ((since, customer_id),))


def _pair(dice: Random, number: int) -> Sequence[Who]:
    """Two customers; of some the second one begins with the number of the first. Nobody reports that the first one lost it."""
    first, second = (_who(number + one, NOW - HISTORY - timedelta(days=dice.randint(10, 300))) for one in (0, 1))
    if dice.random() < HANDED_ON:
        second = second._replace(msisdn=first.msisdn, since=NOW - timedelta(days=dice.randint(*HANDED_ON_BETWEEN)))
        claims = ((first.since, first.customer_id), (second.since, second.customer_id))
        first, second = first._replace(claims=claims), second._replace(claims=claims)
    return first, second


def _customer(dice: Random, names: Names, who: Who) -> Iterator[Sending]:
    never = dice.random() < NEVER_REGISTERED and not who.shares_number
    known_at = dice.uniform(0.4, 0.9) if dice.random() < REGISTERED_LATE else dice.uniform(0, 0.1)
    if not never:
        yield Sending(known_at, _report(names.next(dice, "orders"), who, who.since, _registration(dice, who)))
    for at, moment, said in [(known_at + dice.uniform(-0.05, 0.05), who.since, _activation(dice, who)), *_story(dice, who)]:
        report = _report(names.next(dice, said.type.partition(".")[0]), who, moment, said, parked=never)
        yield from _sendings(dice, at, report)
        if dice.random() < MALFORMED:
            yield Sending(at, _spoiled(dice, names, said, dice.choice(sorted(SPOILERS))))


def _sendings(dice: Random, at: float, report: Report) -> Iterator[Sending]:
    yield Sending(at, report)
    while dice.random() < TWICE:
        yield Sending(at if dice.random() < 0.5 else dice.uniform(at, 1), report)


def _story(dice: Random, who: Who) -> Iterator[tuple[float, datetime, Said]]:
    for _ in range(dice.randint(REPORTS_PER_CUSTOMER // 2, REPORTS_PER_CUSTOMER * 3 // 2)):
        moment = NOW - LAST_HOUR - timedelta(seconds=dice.randint(60, int(HISTORY.total_seconds())))
        yield dice.random(), moment, dice.choices(_SAYINGS, _WEIGHTS)[0](dice, moment, who)
    if dice.random() < WANTS_TO_LEAVE:
        moment = NOW - LAST_HOUR - timedelta(seconds=dice.randint(60, int(RECENT.total_seconds())))
        yield dice.random(), moment, _port_out_inquiry(who)
    if dice.random() < TERMINATED:
        yield dice.random(), NOW - LAST_HOUR, _termination(who)


def _report(name: tuple[str, str], who: Who, moment: datetime, said: Said, *, parked: bool = False) -> Report:
    occurred_at = said.starts or moment
    about_cell = said.subject.startswith("cell:")
    owner = who.owner_at(occurred_at) if said.subject.startswith("msisdn:") else who.customer_id
    return Report(
        topic=said.type.partition(".")[0],
        subject=said.subject,
        source=name[0],
        id=name[1],
        value=orjson.dumps(_event(name, moment, said)),
        fate="fact" if about_cell or (owner and not parked) else "parked",
        type=said.type,
        time=moment,
        occurred_at=occurred_at,
        customer_id="" if about_cell else owner,
        data=said.data,
        measures={measure: value for measure, value in said.measures.items() if value},
        purchase=said.purchase,
        sets=said.sets,
    )


def _event(name: tuple[str, str], moment: datetime, said: Said) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": name[1],
        "source": name[0],
        "type": said.type,
        "subject": said.subject,
        "time": _text(moment),
        "datacontenttype": "application/json",
        "data": said.data,
    }


def _registration(dice: Random, who: Who) -> Said:
    consents = [{"channel": "call", "granted": dice.random() < 0.9}]
    region = dice.choice(REGIONS)
    data = {"kind": "person", "region": region, "timezone": "Asia/Shanghai", "consents": consents, "accounts": [who.account]}
    return Said("orders.customer_registered.v1", f"customer:{who.customer_id}", data, sets={"region": region})


def _activation(dice: Random, who: Who) -> Said:
    plan, paid = dice.choice(PLANS), dice.choice(("prepaid", "postpaid"))
    data = {"subscription_id": who.subscription, "msisdn": who.msisdn, "brand": "gotone", "brand_rank": 3, "plan": plan, "payment_type": paid}
    return Said("orders.subscription_activated.v1", f"customer:{who.customer_id}", data, sets={"plan": plan})


def _termination(who: Who) -> Said:
    data = {"subscription_id": who.subscription, "reason": "port_out"}
    return Said("orders.subscription_terminated.v1", f"customer:{who.customer_id}", data, sets={"termination_reason": "port_out"})


def _payment(dice: Random, moment: datetime, who: Who) -> Said:
    amount, method = dice.randint(1, 50_000), dice.choice(METHODS)
    data = {"payment_id": f"P-{dice.getrandbits(48)}", "amount_minor": amount, "currency": "CNY", "method": method, "channel": "app"}
    measures = {"payments": 1, "paid_minor": amount, f"payments_{method}": 1}
    return Said("billing.payment_received.v1", f"account:{who.account}", data, measures, Purchase(1, amount))


def _top_up(dice: Random, moment: datetime, who: Who) -> Said:
    amount, method = dice.randint(1, 20_000), dice.choice(METHODS)
    data = {"top_up_id": f"T-{dice.getrandbits(48)}", "amount_minor": amount, "currency": "CNY", "method": method, "channel": "shop"}
    measures = {"top_ups": 1, "topped_up_minor": amount, f"payments_{method}": 1}
    return Said("billing.topped_up.v1", f"msisdn:{who.msisdn}", data, measures, Purchase(1, amount))


def _reversal(dice: Random, moment: datetime, who: Who) -> Said:
    amount = dice.randint(1, 5_000)
    data = {"payment_id": f"P-{dice.getrandbits(48)}", "amount_minor": amount, "currency": "CNY", "reason": "disputed"}
    return Said("billing.payment_reversed.v1", f"account:{who.account}", data, {"reversals": 1, "reversed_minor": amount}, Purchase(0, -amount))


def _bill(dice: Random, moment: datetime, who: Who) -> Said:
    recurring, overage = dice.randint(1_000, 20_000), dice.randint(0, 5_000)
    start = moment - timedelta(days=30)
    data = {
        "bill_id": f"B-{dice.getrandbits(48)}", "amount_minor": recurring + overage, "currency": "CNY", "period_start": _text(start),
        "period_end": _text(moment), "due_date": (moment + timedelta(days=20)).date().isoformat(),
        "lines": [{"category": "recurring", "amount_minor": recurring}, {"category": "overage", "amount_minor": overage}],
    }  # fmt: skip
    measures = {"bills": 1, "billed_minor": recurring + overage, "overage_minor": overage}
    return Said("billing.bill_issued.v1", f"account:{who.account}", data, measures, starts=start)


def _usage(dice: Random, moment: datetime, who: Who) -> Said:
    start = who.since - timedelta(days=40) if dice.random() < TOO_EARLY else moment - timedelta(days=7)
    calls, seconds, contacts, missed = (dice.randint(0, top) for top in (60, 9_000, 80, 9))
    activations = dice.choices((0, 1, 4), (95, 4, 1))[0]
    data = {
        "period_start": _text(start), "period_end": _text(start + timedelta(days=7)), "on_net": {"out_calls": calls, "out_seconds": seconds},
        "missed_calls": missed, "forwarding": [{"network": "rival", "on_net": False, "activations": activations}], "distinct_contacts": contacts,
    }  # fmt: skip
    measures = {"usage_days": 7, "out_on_net_calls": calls, "out_on_net_seconds": seconds, "missed_calls": missed}
    measures |= {"forwardings_off_net": activations, LARGEST: contacts}
    return Said("network.usage_summarised.v1", f"msisdn:{who.msisdn}", data, measures, starts=start)


def _complaint(dice: Random, moment: datetime, who: Who) -> Said:
    data = {"complaint_id": f"K-{dice.getrandbits(48)}", "kind": "network", "severity": "minor", "channel": "app"}
    return Said("care.complaint_opened.v1", f"customer:{who.customer_id}", data, {"complaints_network": 1, "complaints_minor": 1})


def _port_out_inquiry(who: Who) -> Said:
    data = {"kind": "port_out_pin", "channel": "app"}
    return Said("care.inquiry_made.v1", who.by_number, data, {"inquiries_port_out_pin": 1})


def _plan_change(dice: Random, moment: datetime, who: Who) -> Said:
    data = {"subscription_id": who.subscription, "plan": dice.choice(PLANS)}
    return Said("orders.plan_changed.v1", who.by_number, data, {"plan_changes": 1}, sets={"plan": data["plan"]})


def _move(dice: Random, moment: datetime, who: Who) -> Said:
    data = {"region": dice.choice(REGIONS)}
    return Said("orders.customer_updated.v1", f"account:{who.account}", data, sets={"region": data["region"]})


def _outage(dice: Random, moment: datetime, who: Who) -> Said:
    data = {"kind": "outage", "started_at": _text(moment)}
    return Said("network.outage_reported.v1", f"cell:460-00-{dice.randint(1, 99)}", data)


_SAYINGS: tuple[Callable[[Random, datetime, Who], Said], ...] = (_payment, _top_up, _reversal, _bill, _usage, _complaint, _plan_change, _move, _outage)
_WEIGHTS = (30, 15, 4, 10, 30, 2, 5, 3, 100 * ABOUT_A_CELL)


def _spoiled(dice: Random, names: Names, said: Said, how: str) -> Report:
    """A report that can never be applied, under a name of its own."""
    topic = said.type.partition(".")[0]
    source, event_id = names.next(dice, topic)
    spoil, code = SPOILERS.get(how, (too_large, "event_too_large"))
    value = spoil(_event((source, event_id), NOW - LAST_HOUR, said))
    readable = how not in ("cut", "not_an_object")
    into = ("care" if topic == "billing" else "billing") if how == "elsewhere" else topic
    return Report(into, said.subject, source if readable else "unknown", event_id, value, "dead", code=code)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
