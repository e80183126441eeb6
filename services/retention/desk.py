"""What the save desk offers to a caller who wants to leave: all that they may have, the best first, as far as the budget goes.

Of a situation the desk looks at less than the gates do: the customer called us, so nothing has to allow that we speak to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from services.retention import receipt
from services.retention.arbitration import Weighed, cost_of, weigh
from services.retention.campaign import Offer, eligible_offers
from services.retention.contact_policy import Situation
from services.retention.receipt import Answer, Written
from shared.contracts.retention import Gate

Document = dict[str, Any]

CAMPAIGN_ID = "save-desk"


def decide(s: Situation, agent: str) -> Answer:
    """The first offer that is allowed is made; of an answer that has none nothing follows."""
    found = offers(s)
    best = best_of(found)
    gates = (
        Gate(gate="inbound", passed=True, detail=f"the customer called, {agent} answered"),
        Gate(gate="offer", passed=best is not None, detail=best["offer_id"] if best else f"none of {len(found)} is allowed"),
    )
    shown = [gate.model_dump() for gate in gates]
    return Answer("contact" if best else "refused", None if best else "offer", None, None, best["offer_id"] if best else None, shown, found)


def offers(s: Situation) -> list[Document]:
    """What the budget does not hold is shown, and not allowed."""
    eligible = eligible_offers(s.listed, payment_types=s.customer.payment_types, at=s.now, channel=s.channel, left=s.left)
    by_id = {offer.offer_id: offer for offer in eligible}
    costs = {offer.offer_id: cost_of(offer, s.records, contact_cost_minor=s.contact_cost_minor) for offer in eligible}
    weighed = {one.offer_id: one for one in weigh(eligible, s.worth, s.records, contact_cost_minor=s.contact_cost_minor)}
    ranked = list(weighed) or sorted(by_id, key=lambda offer_id: costs[offer_id])
    return [_offer(by_id[name], weighed.get(name), costs[name], left_minor(s)) for name in ranked]


def best_of(found: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return next((one for one in found if one["allowed"]), None)


def left_minor(s: Situation) -> int | None:
    """Of the desk's budget of this month; None: none is set."""
    return None if s.campaign.budget_minor is None else s.campaign.budget_minor - s.budget_used_minor


def open_complaints(s: Situation) -> list[str]:
    return [one.key.trouble_id for one in s.troubles if one.key.family == "complaint" and one.is_open(s.now)]


def write(s: Situation, agent: str) -> Written:
    return receipt.write(s, agent=agent)


def again(inputs: str, s: Situation) -> Answer:
    """From what was written."""
    told: Mapping[str, Any] = orjson.loads(inputs)
    return decide(s, told["agent"])


def _offer(offer: Offer, weighed: Weighed | None, cost_minor: int, left: int | None) -> Document:
    fits = left is None or cost_minor <= left
    return {
        "offer_id": offer.offer_id,
        "name": offer.name,
        "script": offer.script,
        "expected_cost_minor": cost_minor,
        "expected_profit_minor": weighed.expected_profit_minor if weighed else None,
        "basis": weighed.basis if weighed else None,
        "allowed": fits,
        "reason": "" if fits else f"it is expected to cost {cost_minor}, and {left} is left of the budget",
    }
