"""What is reported about one customer because of one day. Pure: the same customer, course and day give the same events, whenever it is asked.

What follows from a day is told with it and happens later: the payment of a bill, the answer to a complaint. Nothing follows after `FOLLOWS_WITHIN`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import chain

from deploy.demo.abroad import day_of_takeover, is_taken_over, own_calls, told_daily
from deploy.demo.care import asks, complains
from deploy.demo.course import Course, Drift
from deploy.demo.events import Event, Report, event, midnight, money, period, report, voice
from deploy.demo.population import SLOPPY_AGENT, Cause, Customer, device
from deploy.demo.scene import Scene
from deploy.demo.works import works

FOLLOWS_WITHIN = timedelta(days=45)
CONTRACT_DAYS = 730
RIVAL = "rival"
PAYS_LATE_UNTIL = 0.4  # of a drift into arrears; then not at all
CALLED_WEEKLY = 6  # of the calling circle

USAGE_LEFT = {  # of outgoing calls and data, when the drift is at its strongest
    Cause.NONE: 0.3,
    Cause.BAD_COVERAGE: 0.25,
    Cause.PRICE: 0.35,
    Cause.RIVAL_OFFER: 0.2,
    Cause.ARREARS: 0.1,
    Cause.MULTI_SIM: 0.05,
    Cause.EMPLOYER_PAID: 0.25,
    Cause.VISITOR: 0.2,
}
PORTS_OUT = (Cause.NONE, Cause.BAD_COVERAGE, Cause.PRICE, Cause.RIVAL_OFFER, Cause.EMPLOYER_PAID)


def events_of(customer: Customer, course: Course, day: date) -> list[tuple[datetime, Event]]:
    if day < customer.since or (course.left and day > course.left):
        return []
    scene = _scene(customer, course, day)
    reports = chain.from_iterable(act(scene) for act in ACTS)
    return [(said.at, event(f"{customer.customer_id}-{day:%y%m%d}-{nth:02d}", said)) for nth, said in enumerate(reports)]


def _scene(customer: Customer, course: Course, day: date) -> Scene:
    drift = course.drift_on(day)
    return Scene(customer, course, day, customer.random(day), drift, drift.strength(day) if drift else 0.0)


def contract_end(who: Customer, day: date) -> date | None:
    """Of the term that `day` lies in; None for the prepaid, who have no contract."""
    if who.payment_type == "prepaid":
        return None
    terms = (day - who.joined.date()).days // CONTRACT_DAYS + 1
    return who.joined.date() + timedelta(days=CONTRACT_DAYS * terms)


def joins(scene: Scene) -> Iterator[Report]:
    who = scene.customer
    if scene.day != who.since:
        return
    careful = who.agent != SLOPPY_AGENT
    yield report(
        who.joined, "orders.customer_registered", scene.by_customer, kind="person", name=who.name, document=who.document, language="zh",
        birth_date=who.birth_date if careful else None, contact_points=_contact_points(scene) if careful else None, service_star=who.service_star,
        region=who.region, visitor=who.visitor, employer_paid=who.employer_paid, household=who.household,
        corporate_account=who.cug if who.employer_paid else None, acquisition_channel=scene.dice.choice(("shop", "web", "agent")),
        acquisition_agent=who.agent, timezone="Asia/Shanghai", do_not_contact=False, consents=_consents(scene), accounts=[who.account],
    )  # fmt: skip
    signed = {"subscription_id": who.subscription_id}
    minute = timedelta(minutes=1)
    if who.ported_in:
        yield report(who.joined + minute, "orders.port_in_requested", scene.by_customer, other_operator=RIVAL, **signed)
        yield report(who.joined + 2 * minute, "orders.port_in_completed", scene.by_customer, other_operator=RIVAL, **signed)
    yield report(
        who.joined + 3 * minute, "orders.subscription_activated", scene.by_customer, msisdn=who.msisdn, imsi=who.imsi, brand=scene.plan.brand,
        brand_rank=scene.plan.brand_rank, plan=scene.plan.name, payment_type=who.payment_type, contract_ends=contract_end(who, scene.day), **signed,
    )  # fmt: skip
    if who.cug:
        yield report(who.joined + 4 * minute, "orders.cug_membership_changed", scene.by_customer, cug=who.cug, member=True, **signed)
    yield _device(scene, who.joined + 5 * minute, who.imei)
    if who.registered_twice:
        yield _registered_again(scene)


def _contact_points(scene: Scene) -> list[dict[str, object]]:
    who = scene.customer
    points = [{"kind": "phone", "value": who.msisdn, "verified": scene.dice.random() < 0.8}]
    if who.email:
        points.append({"kind": "email", "value": who.email, "verified": scene.dice.random() < 0.5})
    return points


def _consents(scene: Scene) -> list[dict[str, object]]:
    given: list[dict[str, object]] = [{"channel": channel, "granted": scene.dice.random() < 0.9} for channel in ("call", "sms", "push")]
    given.append({"channel": "call", "purpose": "survey", "granted": scene.dice.random() < 0.7})
    given.append({"channel": "push", "purpose": "profiling", "legal_basis": "legitimate_interest", "granted": scene.dice.random() < 0.95})
    return given


def _registered_again(scene: Scene) -> Report:
    """By another channel, under another id, with nothing but what the form asks for."""
    who = scene.customer
    points = [{"kind": "phone", "value": who.msisdn, "verified": False}]
    return report(
        scene.at(days=scene.dice.randint(2, 20)), "orders.customer_registered", f"customer:{who.twin_id}", kind="person", name=who.name,
        document=who.document, region=who.region, contact_points=points, acquisition_channel="partner", acquisition_agent=SLOPPY_AGENT,
    )  # fmt: skip


def uses(scene: Scene) -> Iterator[Report]:
    """Weekly, about the seven days before."""
    who, week_start = scene.customer, scene.day - timedelta(days=7)
    if scene.day.weekday() == who.reporting_weekday and week_start >= who.since:
        week = _week(scene, week_start)
        yield day_of_takeover(scene) if is_taken_over(scene) else week


def _week(scene: Scene, week_start: date) -> Report:
    who = scene.customer
    left = 1 - (1 - USAGE_LEFT[who.cause]) * scene.strength
    out_calls = who.calls_per_week * left * scene.dice.uniform(0.85, 1.15)
    in_calls = who.calls_per_week * (1.0 if who.cause is Cause.MULTI_SIM else left) * scene.dice.uniform(0.85, 1.15)
    kilobytes = who.data_kb_per_week * left * scene.dice.uniform(0.7, 1.3)
    seconds = scene.dice.uniform(70, 110)
    abroad = round(6 * left) if who.visitor else int(scene.dice.random() < 0.04)
    return report(
        midnight(scene.day) + timedelta(minutes=30 + who.number % 30), "network.usage_summarised", scene.by_number, **period(week_start, 7),
        on_net=voice(out_calls * (1 - who.off_net_share), in_calls * (1 - who.off_net_share), seconds),
        off_net=voice(out_calls * who.off_net_share, in_calls * who.off_net_share, seconds), **own_calls(who, scene.day, left),
        sms_out=scene.dice.randint(0, 4), sms_in=scene.dice.randint(5, 25), data={"g4_kb": round(kilobytes * 0.3), "g5_kb": round(kilobytes * 0.7)},
        roaming={"days": abroad, "calls": abroad, "seconds": abroad * 70}, care_calls=int(scene.dice.random() < 0.03 + 0.2 * scene.strength),
        missed_calls=scene.dice.randint(0, 6) + round(12 * (1 - left)), forwarding=_forwarding(scene), distinct_contacts=round(out_calls * 0.4),
        top_contacts=_top_contacts(scene),
    )  # fmt: skip


def _top_contacts(scene: Scene) -> list[str]:
    """Those they call every week, and some of the others."""
    always, others = scene.customer.circle[:CALLED_WEEKLY], scene.customer.circle[CALLED_WEEKLY:]
    return [*always, *scene.dice.sample(others, len(others) // 2)]


def _forwarding(scene: Scene) -> list[dict[str, object]]:
    if scene.drifting(Cause.RIVAL_OFFER) and scene.strength > 0.3:
        return [{"network": RIVAL, "on_net": False, "activations": scene.dice.randint(2, 6)}]
    return [{"network": "own", "on_net": True, "activations": 1}] if scene.dice.random() < 0.01 else []


def suffers(scene: Scene) -> Iterator[Report]:
    """Quality is reported for the weeks that have something to report, and a cell when it fails."""
    who, weak = scene.customer, scene.drifting(Cause.BAD_COVERAGE)
    if scene.day.weekday() == who.reporting_weekday and (weak or scene.dice.random() < 0.06):
        drops = scene.dice.randint(5, 9) + round(10 * scene.strength) if weak else scene.dice.randint(1, 2)
        failures = scene.dice.randint(0, drops // 2)
        yield report(
            midnight(scene.day) + timedelta(hours=1), "network.quality_summarised", scene.by_number, **period(scene.day - timedelta(days=7), 7),
            dropped_calls=drops, access_failures=failures, cells=[{"cell_id": who.cell, "dropped_calls": drops, "access_failures": failures}],
        )  # fmt: skip
    if weak and (scene.reaches(0.2) or scene.happens(15)):
        began = scene.at()
        ended = began + timedelta(hours=scene.dice.randint(1, 9))
        yield report(ended, "network.outage_reported", f"cell:{who.cell}", kind="outage", started_at=began, ended_at=ended)


def pays(scene: Scene) -> Iterator[Report]:
    if scene.customer.payment_type == "prepaid":
        yield from _tops_up(scene)
    elif scene.day.day == 1 and scene.day > scene.customer.since:
        yield from _is_billed(scene)
    if scene.happens(1.2):
        item, points = scene.dice.choice(("data pack 5 GB", "umbrella", "cinema ticket")), scene.dice.randint(3, 30) * 100
        yield report(scene.at(), "billing.points_redeemed", scene.by_customer, points=points, item=item, place=f"shop {scene.customer.region}")


def _tops_up(scene: Scene) -> Iterator[Report]:
    if scene.happens(22 * (1 - 0.8 * scene.strength)):
        method, channel = scene.dice.choice((("wallet", "app"), ("voucher", "shop"), ("card", "web")))
        amount = scene.dice.choice((2000, 3000, 5000)) + scene.plan.price_minor // 4
        yield money(scene.at(), "billing.topped_up", scene.by_number, top_up_id=scene.name("T"), amount_minor=amount, method=method, channel=channel)


def _is_billed(scene: Scene) -> Iterator[Report]:
    last_month = (scene.day - timedelta(days=1)).replace(day=1)
    recurring = scene.plan.price_minor
    extra = round(recurring * scene.dice.uniform(0, 0.3) * (1 - scene.strength)) + (2500 if scene.drifting(Cause.PRICE) else 0)
    lines = [{"category": "recurring", "amount_minor": recurring}, {"category": "overage", "amount_minor": extra}]
    bill, due = scene.name("B"), scene.day + timedelta(days=19)
    yield money(
        midnight(scene.day) + timedelta(hours=3), "billing.bill_issued", scene.by_account, bill_id=bill, amount_minor=recurring + extra,
        **period(last_month, (scene.day - last_month).days), due_date=due, lines=lines,
    )  # fmt: skip
    if not scene.drifting(Cause.ARREARS):
        yield from _pays_bill(scene, bill, recurring + extra, scene.at(days=scene.dice.randint(2, 18)))
    elif scene.strength < PAYS_LATE_UNTIL:
        yield from _pays_bill(scene, bill, recurring + extra, scene.at(days=scene.dice.randint(25, 38)))


def _pays_bill(scene: Scene, bill: str, amount: int, paid_at: datetime) -> Iterator[Report]:
    method, channel = (("direct_debit", "bank"), ("wallet", "app"), ("bank_transfer", "bank"), ("cash", "shop"))[scene.customer.number % 4]
    payment = bill.replace("B", "P", 1)
    yield money(paid_at, "billing.payment_received", scene.by_account, payment_id=payment, amount_minor=amount, method=method, channel=channel, bill_id=bill)
    if scene.dice.random() < 0.004:
        disputed_at = paid_at + timedelta(days=3)
        yield money(disputed_at, "billing.payment_reversed", scene.by_account, payment_id=payment, amount_minor=amount // 4 + 1, reason="disputed")


def owes(scene: Scene) -> Iterator[Report]:
    if scene.customer.payment_type == "postpaid" and scene.happens(0.3):
        yield money(scene.at(), "billing.credit_limit_changed", scene.by_account, limit_minor=scene.dice.randint(3, 20) * 10_000)
    if scene.customer.cause is not Cause.ARREARS or scene.drift is None:
        return
    if scene.reaches(0.65):
        owed = max(_unpaid_minor(scene, scene.drift), scene.plan.price_minor)
        yield money(scene.at(), "billing.account_suspended", scene.by_account, reason="arrears", owed_minor=owed)
    if scene.day == scene.drift.ended and scene.drift.how == "left":
        yield money(scene.at(), "billing.debt_written_off", scene.by_account, amount_minor=_unpaid_minor(scene, scene.drift))
    elif scene.day == scene.drift.ended:
        paid_at, owed = scene.at(), _unpaid_minor(scene, scene.drift)
        yield money(paid_at, "billing.payment_received", scene.by_account, payment_id=scene.name("P"), amount_minor=owed, method="cash", channel="shop")
        yield report(paid_at + timedelta(minutes=5), "billing.account_resumed", scene.by_account, note="paid in full")


def _unpaid_minor(scene: Scene, drift: Drift) -> int:
    """The bills of the drift that nobody paid until now: their days are told again to know them."""
    days = (drift.began + timedelta(days=nth) for nth in range((scene.day - drift.began).days + 1))
    return sum(_billed_minor(scene, day) for day in days if day.day == 1 and drift.strength(day) >= PAYS_LATE_UNTIL)


def _billed_minor(scene: Scene, day: date) -> int:
    then = _scene(scene.customer, scene.course, day)
    reports = chain.from_iterable(act(then) for act in ACTS[: ACTS.index(owes)])
    return sum(said.data["amount_minor"] for said in reports if said.type == "billing.bill_issued.v1")


def orders(scene: Scene) -> Iterator[Report]:
    who, signed = scene.customer, {"subscription_id": scene.customer.subscription_id}
    if scene.day > who.since:
        yield from _changes_plan(scene)
        yield from _renews(scene)
    if scene.happens(1):
        product, added = scene.dice.choice(("video-pack", "music-pack", "night-data")), scene.at()
        yield money(added, "orders.product_added", scene.by_customer, product=product, price_minor=1500, **signed)
        yield report(added + timedelta(days=scene.dice.randint(20, 40)), "orders.product_removed", scene.by_customer, product=product, **signed)
    if scene.day - timedelta(days=1) in scene.course.accepted:
        yield money(scene.at(), "orders.product_added", scene.by_customer, product="loyalty-thanks", price_minor=0, **signed)
    if scene.happens(0.2):
        consents = [{"channel": "sms", "granted": scene.dice.random() < 0.5}]
        yield report(scene.at(), "orders.customer_updated", scene.by_customer, consents=consents)
    if scene.happens(0.6):
        yield _device(scene, scene.at(), device(scene.dice))
    if scene.happens(0.1):
        yield report(scene.at(), "orders.sim_changed", scene.by_customer, imsi=f"46002{scene.dice.randint(0, 9_999_999_999):010d}", **signed)
    if not who.employer_paid and not who.cug and scene.happens(0.03):
        yield report(scene.at(), "orders.cug_membership_changed", scene.by_customer, cug="CUG-0", member=True, **signed)


def _changes_plan(scene: Scene) -> Iterator[Report]:
    before, now = scene.course.plan_on(scene.day - timedelta(days=1)), scene.plan
    signed = {"subscription_id": scene.customer.subscription_id, "plan": now.name}
    if before.brand != now.brand:
        yield report(scene.at(), "orders.brand_changed", scene.by_customer, brand=now.brand, brand_rank=now.brand_rank, **signed)
    elif before != now:
        yield report(scene.at(), "orders.plan_changed", scene.by_number, **signed)


def _renews(scene: Scene) -> Iterator[Report]:
    ends = contract_end(scene.customer, scene.day)
    if ends is None or scene.drifting():
        return
    signed = {"subscription_id": scene.customer.subscription_id}
    if ends - scene.day == timedelta(days=30):
        yield report(scene.at(), "orders.contract_expiring", scene.by_customer, contract_ends=ends, **signed)
    if ends - scene.day == timedelta(days=CONTRACT_DAYS):
        yield report(scene.at(), "orders.contract_renewed", scene.by_customer, contract_ends=ends, **signed)


def leaves(scene: Scene) -> Iterator[Report]:
    drift, signed = scene.drift, {"subscription_id": scene.customer.subscription_id}
    if drift is None:
        return
    if scene.drifting(Cause.EMPLOYER_PAID) and scene.reaches(0.7):
        yield report(scene.at(), "orders.cug_membership_changed", scene.by_number, cug=scene.customer.cug, member=False, **signed)
    ports_out = scene.customer.cause in PORTS_OUT
    if ports_out and drift.leaves_on(scene.day) == scene.day + timedelta(days=3):
        yield report(scene.at(), "orders.port_out_requested", scene.by_number, other_operator=RIVAL, **signed)
    if scene.day != scene.course.left:
        return
    gone = midnight(scene.day) + timedelta(hours=14)
    if ports_out:
        yield report(gone, "orders.port_out_completed", scene.by_number, other_operator=RIVAL, **signed)
    reason = "port_out" if ports_out else "arrears" if scene.customer.cause is Cause.ARREARS else "customer_request"
    yield report(gone + timedelta(minutes=1), "orders.subscription_terminated", scene.by_customer, reason=reason, **signed)


def _device(scene: Scene, at: datetime, imei: str) -> Report:
    return report(at, "network.device_changed", scene.by_number, imei=imei, tac=imei[:8])


# What is told more comes last: an event's name says which of the day it is, and its fate follows from its name.
ACTS: tuple[Callable[[Scene], Iterator[Report]], ...] = (joins, uses, suffers, pays, owes, asks, complains, orders, leaves, told_daily, works)
