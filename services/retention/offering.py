"""Which offer a contact would make: of those listed, what the customer may have, weighed by what it is expected to bring."""

from __future__ import annotations

from dataclasses import replace

from services.retention.arbitration import cost_of, weigh
from services.retention.campaign import eligible_offers
from services.retention.contact_policy import PERSONALISED, Situation


def with_offer(s: Situation) -> Situation:
    """The same in the hour of the decision and whenever it is recomputed: it looks at nothing but the situation. Of who objects to
    personalised marketing nothing that is estimated is looked at: the first offer of the list is made. What a batch chose is made, or nothing.
    A notice is not weighed: it is expected to bring nothing."""
    worth = None if PERSONALISED in (s.objections or ()) else s.worth
    eligible = eligible_offers(s.listed, payment_types=s.customer.payment_types, at=s.now, channel=s.channel, left=s.left)
    if s.planned:
        eligible = [offer for offer in eligible if offer.offer_id == s.planned]
    weighed = weigh(eligible, None if s.campaign.purpose == "notice" else worth, s.records, contact_cost_minor=s.contact_cost_minor)
    by_id = {offer.offer_id: offer for offer in eligible}
    offer = by_id[weighed[0].offer_id] if weighed else next(iter(eligible), None)
    cost = cost_of(offer, s.records, contact_cost_minor=s.contact_cost_minor) if offer else 0
    return replace(s, worth=worth, offer=offer, weighed=weighed, cost_minor=cost)
