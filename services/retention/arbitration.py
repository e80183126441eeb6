"""Which offer to make, and whether it is worth it: the profit that is expected of each one, beside doing nothing.

    expected profit = reduction x future value - cost of the contact - acceptance rate x cost of the offer

The reduction of the probability to leave is the customer's own sensitivity where hold-outs have shown it, else the risk times the share
of customers whom the offer kept. Rates of an offer start from a prior and move with what came of it, so that a new offer gets its chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.retention.campaign import Offer
from services.retention.worth import Basis, Worth

PRIOR_OUTCOMES = 20
"""What a prior weighs, in outcomes."""
PRIOR_SAVES, PRIOR_ACCEPTED = 0.3, 0.4


class Record(NamedTuple):
    """What came of an offer: of who was reached."""

    outcomes: int = 0
    saved: int = 0
    accepted: int = 0

    @property
    def save_rate(self) -> float:
        return (self.saved + PRIOR_OUTCOMES * PRIOR_SAVES) / (self.outcomes + PRIOR_OUTCOMES)

    @property
    def acceptance_rate(self) -> float:
        return (self.accepted + PRIOR_OUTCOMES * PRIOR_ACCEPTED) / (self.outcomes + PRIOR_OUTCOMES)


NEW = Record()


class Weighed(NamedTuple):
    """One alternative, with all that its profit was made of."""

    offer_id: str
    expected_profit_minor: int
    reduction: float
    future_value_minor: int
    cost_minor: int
    save_rate: float
    acceptance_rate: float
    basis: Basis


def weigh(offers: Sequence[Offer], worth: Worth | None, records: Mapping[str, Record], *, contact_cost_minor: int) -> list[Weighed]:
    """The best first, of equal ones the one that was preferred; none while the customer's worth is not known."""
    if worth is None or worth.risk is None or worth.future_value_minor is None:
        return []
    found = [_weighed(offer, worth.risk, worth.future_value_minor, worth.uplift, records.get(offer.offer_id, NEW), contact_cost_minor) for offer in offers]
    return sorted(found, key=lambda one: -one.expected_profit_minor)


def cost_of(offer: Offer, records: Mapping[str, Record], *, contact_cost_minor: int) -> int:
    """As expected, in minor units."""
    return round(contact_cost_minor + records.get(offer.offer_id, NEW).acceptance_rate * offer.cost_minor)


def _weighed(offer: Offer, risk: float, value_minor: int, uplift: float | None, record: Record, contact_cost_minor: int) -> Weighed:
    reduction = risk * record.save_rate if uplift is None else min(uplift, risk)
    cost = contact_cost_minor + record.acceptance_rate * offer.cost_minor
    return Weighed(
        offer_id=offer.offer_id,
        expected_profit_minor=round(reduction * max(0, value_minor) - cost),
        reduction=reduction,
        future_value_minor=value_minor,
        cost_minor=round(cost),
        save_rate=record.save_rate,
        acceptance_rate=record.acceptance_rate,
        basis="risk_x_save_rate" if uplift is None else "hold_outs",
    )
