"""What the decisions of one batch share, kept up with each decision made: two alerts about one customer see each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.retention import audience
from services.retention.arbitration import Record
from services.retention.campaign import Campaign, Offer
from services.retention.channel_choice import choose
from services.retention.contact_policy import Situation
from services.retention.contactable import Contactable
from services.retention.decision import Decision
from services.retention.hold_out import Arm
from services.retention.occasion import Alert
from services.retention.offering import with_offer
from services.retention.reachability import Reach
from services.retention.service import Trouble, of_customer
from services.retention.worth import Worth
from shared.clock import zone_of


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`arms` by campaign and customer, `contacts` the moments of each customer's contacts: of an open task, now. `members` are
    the ids merged into each customer; `arms` and `contacts` are theirs too."""

    now: datetime
    default_zone: str
    catalogue: Mapping[str, Offer]
    troubles: Mapping[str, Sequence[Trouble]]
    quiet_after_fix: timedelta
    arms: dict[tuple[str, str], Arm]
    contacts: dict[str, list[datetime]]
    open_tasks: Counter[str]
    members: Mapping[str, Sequence[str]]
    worths: Mapping[str, Worth]
    records: Mapping[str, Record]
    contact_costs: Mapping[str, int]
    """By channel, in minor units."""
    budget_used: Counter[str]
    """By campaign, reserved and spent in this month, in minor units."""
    left: Counter[str]
    """Pieces that nobody has, of offers with a stock."""
    variants: Mapping[tuple[str, str], str]
    """By campaign and customer, like `arms`."""
    objections: Mapping[str, Collection[str]]
    warnings: Mapping[str, Sequence[str]]
    """By customer, the kinds of what was warned of lately."""
    members_of_club: Mapping[str, Any]
    """By customer, points and level."""
    exposed: Mapping[tuple[str, str], datetime]
    """By campaign and customer, when last; of campaigns that ask for it."""
    reaches: Mapping[str, Mapping[str, Reach]] = field(default_factory=dict)
    """By customer and channel."""

    def situation(self, alert: Alert, campaign: Campaign, customer: Contactable) -> Situation:
        since = self.now - timedelta(days=campaign.cap_days)
        variant = self._variant(campaign.campaign_id, alert.customer_id)
        preferred = campaign.offers_to(alert.raised.kind, campaign.variant(alert.customer_id, variant))
        listed = [self.catalogue[offer_id] for offer_id in preferred if offer_id in self.catalogue]
        reaches = self._reaches(alert.customer_id)
        choice = choose(campaign, customer, reaches, self.now)
        situation = Situation(
            now=self.now,
            customer=customer,
            campaign=campaign,
            waited=alert.waited,
            troubles=(*self.troubles.get(alert.customer_id, ()), *of_customer(customer)),
            quiet_after_fix=self.quiet_after_fix,
            assigned=self._assigned(campaign.campaign_id, alert.customer_id) or (alert.plan.arm if alert.plan else None),
            contacts=sum(at > since for one in self._ids(alert.customer_id) for at in self.contacts.get(one, ())),
            open_tasks=self.open_tasks[campaign.campaign_id],
            offer=None,
            zone=zone_of(self.default_zone if customer.timezone is None else customer.timezone),
            members=self.members.get(alert.customer_id, ()),
            worth=self.worths.get(alert.customer_id),
            budget_used_minor=self.budget_used[campaign.campaign_id],
            listed=listed,
            records={one.offer_id: self.records[one.offer_id] for one in listed if one.offer_id in self.records},
            left={one.offer_id: self.left[one.offer_id] for one in listed if one.stock is not None},
            contact_cost_minor=self.contact_costs[choice.channel],
            assigned_variant=variant,
            objections=sorted({scope for one in self._ids(alert.customer_id) for scope in self.objections.get(one, ())}),
            facts=self.facts(customer) if campaign.audience else None,
            exposed_days=self._exposed_days(campaign.campaign_id, alert.customer_id),
            planned=None if alert.plan is None else alert.plan.offer_id or "",
            planned_why=alert.plan.why if alert.plan else "",
            choice=choice,
            reach=reaches.get(choice.channel),
        )
        return with_offer(situation)

    def _reaches(self, customer_id: str) -> dict[str, Reach]:
        """What is known of the customer's own id; of a channel that was not tried under it, what is known under another."""
        found: dict[str, Reach] = {}
        for one in reversed(self._ids(customer_id)):
            found |= self.reaches.get(one, {})
        return found

    def facts(self, customer: Contactable) -> dict[str, Any]:
        """For audiences."""
        customer_id = customer.customer_id
        club = self.members_of_club.get(customer_id)
        complaints = [one for one in self.troubles.get(customer_id, ()) if one.key.family == "complaint"]
        around = audience.Around(
            now=self.now,
            open_complaints=sum(one.is_open(self.now) for one in complaints),
            resolved_at=max((one.over_at for one in complaints if one.over_at), default=None),
            warnings=self.warnings.get(customer_id, ()),
            club_level=club.level if club else None,
            points=club.points if club else 0,
        )
        return audience.facts(customer, self.worths.get(customer_id), around)

    def _exposed_days(self, campaign_id: str, customer_id: str) -> int | None:
        moments = [self.exposed[campaign_id, one] for one in self._ids(customer_id) if (campaign_id, one) in self.exposed]
        return (self.now - max(moments)).days if moments else None

    def _assigned(self, campaign_id: str, customer_id: str) -> Arm | None:
        """Who was ever held out, under whichever id, stays held out: being contacted under the other would spoil the comparison."""
        arms = [self.arms[campaign_id, one] for one in self._ids(customer_id) if (campaign_id, one) in self.arms]
        return "hold_out" if "hold_out" in arms else next(iter(arms), None)

    def _variant(self, campaign_id: str, customer_id: str) -> str | None:
        return next((self.variants[campaign_id, one] for one in self._ids(customer_id) if (campaign_id, one) in self.variants), None)

    def _ids(self, customer_id: str) -> tuple[str, ...]:
        return (customer_id, *self.members.get(customer_id, ()))

    def note(self, situation: Situation, decision: Decision) -> None:
        customer_id, campaign = situation.customer.customer_id, situation.campaign
        if decision.arm:
            self.arms.setdefault((campaign.campaign_id, customer_id), decision.arm)
        if decision.contact:
            self.contacts.setdefault(customer_id, []).append(self.now)
            self.open_tasks[campaign.campaign_id] += situation.channel == "call"
            self.budget_used[campaign.campaign_id] += situation.cost_minor
            self.left[decision.contact.offer.offer_id] -= decision.contact.offer.stock is not None
