"""Situations of every kind, by a seed: the same seed is the same situation on every machine."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.retention.arbitration import Record
from services.retention.campaign import Variant
from services.retention.channel_choice import Choice
from services.retention.contact_policy import Situation
from services.retention.offering import with_offer
from services.retention.reachability import Reach
from services.retention.service import Key, Trouble
from services.retention.worth import Worth
from tests.builders import NOON
from tests.retention.builders import campaign, contactable, offer, situation


def varied(seed: int) -> Situation:
    """Mostly one that leads to a contact, with some things against it."""
    draw = random.Random(seed)

    def seldom(usual: Any, *others: Any) -> Any:
        return draw.choice(others) if draw.random() < 0.1 else usual

    customer_id = f"C-{draw.randrange(10_000)}"
    held = contactable(
        customer_id,
        do_not_contact=seldom(None, True, False), visitor=seldom(None, True, False), employer_paid=seldom(None, True),
        timezone=seldom("Asia/Shanghai", None, "Mars/Phobos"), consents=seldom({"call": True, "sms": True}, {}, {"call": False}),
        live_subscriptions=seldom(1, 0, 3), payment_types=seldom(["postpaid"], ["prepaid"], []), profile_sequence=seldom(7, 0),
        merged_into=seldom(None, "C-other"), erased=seldom(False, True), left_at=seldom(None, NOON), language=seldom(None, "zh"),
    )  # fmt: skip
    listed = [
        offer(
            offer_id=f"o-{number}", cost_minor=draw.randrange(0, 20_000), stock=seldom(None, 3), channels=seldom((), ["sms"], ["call", "sms"]),
            valid_to=seldom(None, NOON + timedelta(days=1), NOON),
        )
        for number in range(draw.randrange(1, 4))
    ]  # fmt: skip
    known = {"tier": seldom("gold", None), "future_value_minor": draw.randrange(-1_000, 900_000), "risk": draw.random()}
    hold_outs = {"basis": "hold_outs", "kind": draw.choice(["persuadable", "do_not_disturb"]), "uplift": draw.random() / 2}
    worth = seldom(Worth(customer_id, 3, churn_sequence=4, sensitivity=seldom({}, hold_outs), versions={"leave": 2}, **known), None)
    made = campaign(
        state=seldom("running", "paused"), channel=seldom("call", "sms", "email"), capacity=seldom(10, 1), budget_minor=seldom(None, 40_000),
        least_profit_minor=seldom(None, 1_000), hold_out_share=seldom(0.1, 0.6), cap_contacts=seldom(1, 2),
        audience=seldom(None, {"field": "tier", "is": "gold"}, {"not": {"field": "tier", "known": True}}, {"nonsense": 1}), again_after_days=seldom(None, 30),
        purpose=seldom("selling", "win_back", "service", "notice"),
        variants=seldom((), [Variant("a", 0.5, {}), Variant("b", 0.5, {"silent": ["o-1"]}, "save-b")]),
    )  # fmt: skip
    opened = Trouble(Key(customer_id, "complaint", "K-1"), "complaint", "major", NOON)
    over = Trouble(Key(customer_id, "outage", "cell@x"), "outage", "outage", NOON - timedelta(days=2), NOON - timedelta(days=1))
    return with_offer(
        situation(
            held, campaign=made, waited=seldom(timedelta(0), timedelta(hours=3), timedelta(days=2)), troubles=seldom((), [opened], [over]),

            assigned=seldom(None, "treatment", "hold_out"), assigned_variant=seldom(None, "a", "gone"), contacts=seldom(0, 1, 2), open_tasks=seldom(0, 9, 10),
            zone=seldom(ZoneInfo("Asia/Shanghai"), None), members=seldom((), ["C-9", "C-8"]), worth=worth, budget_used_minor=seldom(0, 39_000),
            facts=seldom({"tier": "gold"}, None, {"tier": "iron"}), exposed_days=seldom(None, 3, 400), planned=seldom(None, "", "o-1"),
            planned_why=seldom("", "chosen of 3"), choice=seldom(None, Choice("sms", "the customer prefers it")),
            reach=seldom(None, Reach(customer_id, "call", 2.0, 3.0, NOON), Reach(customer_id, "call", blocked="wrong_number")),
            listed=listed, records={one.offer_id: Record(draw.randrange(50), draw.randrange(20), draw.randrange(20)) for one in listed},
            objections=seldom((), ["personalised_marketing"], ["automated_decisions"], None, ["unheard_of"]),
            left={one.offer_id: draw.randrange(3) for one in listed if one.stock is not None}, contact_cost_minor=seldom(1_500, 5),
        )
    )  # fmt: skip
