"""The gates between a warning and a contact, in a fixed order. Each says what it saw.

What a contact needs (a profile, a live subscription, consent, a time zone, an offer) does not pass while it is unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.retention.arbitration import Record, Weighed
from services.retention.audience import belongs
from services.retention.campaign import SERVES, Campaign, Channel, Offer, Variant
from services.retention.channel_choice import Choice
from services.retention.contactable import Contactable
from services.retention.hold_out import GLOBAL_SHARE, Arm, arm_of, bucket, global_bucket
from services.retention.reachability import Reach, why_not
from services.retention.service import Trouble, holding_back
from services.retention.worth import Worth
from shared.contracts.retention import Gate

# A warning is about days: one whose customer became known later than this is not acted on.
LONGEST_WAIT = timedelta(days=1)
LISTED_TROUBLES = 5
PERSONALISED = "personalised_marketing"
"""What may be objected to without refusing every automated decision."""

POLICY = 2
"""The number of these rules, and of those they call. Raise it with any change of what they answer: receipts name it, and a test holds it."""

Check = tuple[bool, str]


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision looks at.

    `contacts` counts the customer's tasks, of all campaigns, that are open or were done within the campaign's cap days.
    `assigned` is the arm of an earlier exposure. `zone` is None when the customer's zone is none. `members` are the ids that
    were merged into this one: their contacts and arms count as the customer's own.
    """

    now: datetime
    customer: Contactable
    campaign: Campaign
    waited: timedelta
    troubles: Sequence[Trouble]
    assigned: Arm | None
    contacts: int
    open_tasks: int
    offer: Offer | None
    zone: ZoneInfo | None
    members: Collection[str] = ()
    weighed: Sequence[Weighed] = ()
    """The offers that came into question, the best first; none while the customer's worth is not known."""
    worth: Worth | None = None
    cost_minor: int = 0
    """Of the contact and the offer, as expected."""
    budget_used_minor: int = 0
    """Of the campaign in this month: reserved and spent."""
    quiet_after_fix: timedelta = timedelta(days=3)
    """In which nothing is sold."""
    listed: Sequence[Offer] = ()
    """What the campaign may offer here, the preferred one first: `offer` was chosen of them (offering.py)."""
    records: Mapping[str, Record] = field(default_factory=dict)
    """What came of them so far."""
    left: Mapping[str, int] = field(default_factory=dict)
    """Pieces that nobody has, of those with a stock."""
    contact_cost_minor: int = 0
    assigned_variant: str | None = None
    """Of an earlier exposure."""
    facts: Mapping[str, Any] | None = None
    """What the campaign's audience may ask for; None: it asks for nothing."""
    exposed_days: int | None = None
    """Since the customer was last exposed to this campaign; None: never, or nobody asks."""
    planned: str | None = None
    """The offer that a batch chose; empty: it chose others; None: decided by itself."""
    planned_why: str = ""
    objections: Collection[str] | None = None
    """What the customer refuses, under any of their ids; None: nobody looked."""
    choice: Choice | None = None
    reach: Reach | None = None
    """By the channel of the choice."""

    @property
    def variant(self) -> Variant | None:
        return self.campaign.variant(self.customer.customer_id, self.assigned_variant)

    @property
    def channel(self) -> Channel:
        return self.choice.channel if self.choice else self.campaign.channel

    @property
    def bucket(self) -> float:
        return bucket(self.campaign.salt, self.campaign.campaign_id, self.customer.customer_id)

    @property
    def arm(self) -> Arm:
        return self.assigned or arm_of(self.bucket, self.campaign.hold_out_share)


def check(situation: Situation) -> tuple[Gate, ...]:
    """Every gate, also those behind one that failed: the answer to "why not?" is complete."""
    return tuple(_gate(rule.__name__, *rule(situation)) for rule in GATES)


def _gate(name: str, passed: bool, detail: str) -> Gate:
    return Gate(gate=name, passed=passed, detail=detail)


def known_customer(s: Situation) -> Check:
    waited = f"the warning waited {s.waited / timedelta(hours=1):.1f} h for it, at most {LONGEST_WAIT / timedelta(hours=1):.0f} h" if s.waited else "no wait"
    return s.customer.known and s.waited <= LONGEST_WAIT, f"profile of activity {s.customer.profile_sequence}; {waited}"


def not_merged_or_erased(s: Situation) -> Check:
    if s.customer.merged_into:
        return False, f"is {s.customer.merged_into} now"
    return not s.customer.erased, "erased" if s.customer.erased else "neither"


def live_subscription(s: Situation) -> Check:
    if s.campaign.purpose == "win_back":
        return s.customer.left_at is not None, f"left at {s.customer.left_at}: it is for who left" if s.customer.left_at else "did not leave"
    return s.customer.live_subscriptions > 0, f"{s.customer.live_subscriptions} live"


def audience(s: Situation) -> Check:
    return belongs(s.campaign.audience, s.facts or {})


def not_again(s: Situation) -> Check:
    pause = s.campaign.again_after_days
    if pause is None:
        return True, "as often as there is an occasion"
    return s.exposed_days is None or s.exposed_days >= pause, f"{_days_ago(s.exposed_days)}, again after {pause} days"


def not_visitor_or_employer_paid(s: Situation) -> Check:
    detail = f"visitor {_said(s.customer.visitor)}, employer-paid {_said(s.customer.employer_paid)}"
    return not (s.customer.visitor or s.customer.employer_paid), detail


def do_not_contact(s: Situation) -> Check:
    return not s.customer.do_not_contact, f"do not contact: {_said(s.customer.do_not_contact)}"


def consent(s: Situation) -> Check:
    granted = s.customer.consents.get(s.channel)
    said = f"consent to marketing by {s.channel}: {_said(granted)}"
    return (True, f"{said}; a notice needs none") if s.campaign.purpose == "notice" else (granted is True, said)


def reachable(s: Situation) -> Check:
    """Refuses by hard evidence alone: who was never tried may be tried."""
    evidence = why_not(s.reach, s.now)
    state = evidence or (f"{s.reach.state}, rate {s.reach.rate:.2f}" if s.reach else "never tried")
    return evidence is None, f"by {s.channel}: {state}" + (f"; {s.choice.reason}" if s.choice and s.campaign.fallback_channels else "")


def objection(s: Situation) -> Check:
    """To personalised marketing leaves what looks at no profile: no offer is weighed (offering.py), and no campaign that asks for a profit.
    What a notice tells was decided by a person."""
    if s.objections is None:
        return False, "objections are not known"
    listed = ", ".join(sorted(s.objections)) or "none"
    if s.campaign.purpose == "notice":
        return True, f"{listed}; a person decided what the notice tells"
    if set(s.objections) <= {PERSONALISED}:
        chosen_by_profile = bool(s.objections) and s.campaign.least_profit_minor is not None
        how = ": the first offer of the list, none is weighed" if s.objections else ""
        return not chosen_by_profile, f"{listed}{': the campaign chooses by profile' if chosen_by_profile else how}"
    return False, listed


def timezone(s: Situation) -> Check:
    return s.zone is not None, s.zone.key if s.zone else f"{s.customer.timezone!r} is no time zone"


def service_trouble(s: Situation) -> Check:
    """What serves is not held back by the trouble that it answers."""
    found = holding_back(s.troubles, now=s.now, quiet=s.quiet_after_fix)
    detail = "; ".join(_trouble(one, s) for one in found[:LISTED_TROUBLES])
    if s.campaign.purpose in SERVES:
        return True, f"a {s.campaign.purpose} campaign, beside {len(found)}: {detail}" if found else "none"
    return not found, f"{len(found)}: {detail}" if found else "none"


def _trouble(one: Trouble, s: Situation) -> str:
    until = one.holds_back_until(s.quiet_after_fix)
    since = f"{one.kind} {one.key.trouble_id}"
    if one.is_open(s.now) or until is None:
        return f"{since} is open"
    return f"{since} was fixed, nothing is sold until {until:%Y-%m-%d %H:%M} UTC"


def offer(s: Situation) -> Check:
    if s.offer is not None:
        pieces = "" if s.offer.stock is None else f", {s.left.get(s.offer.offer_id, 0)} left of {s.offer.stock}"
        return s.offer.may_be_made(s.channel, s.left), f"{s.offer.offer_id} by {s.channel}{pieces}"
    payment_types = ", ".join(s.customer.payment_types) or "none"
    gone = [one.offer_id for one in s.listed if one.stock is not None and s.left.get(one.offer_id, 0) <= 0]
    sold_out = f"; sold out: {', '.join(gone)}" if gone else ""
    return False, f"none valid now by {s.channel} for payment type {payment_types}{sold_out}"


def not_to_be_disturbed(s: Situation) -> Check:
    kind = s.worth.kind if s.worth else None
    return kind != "do_not_disturb" or s.campaign.purpose == "notice", f"sensitivity to a contact: {kind or 'unknown'}"


def expected_profit(s: Situation) -> Check:
    least = s.campaign.least_profit_minor
    if not s.weighed:
        return least is None, "risk and future value are not known yet"
    best = s.weighed[0]
    asked = "none asked for" if least is None else f"at least {least} asked for"
    return least is None or best.expected_profit_minor >= least, f"{best.expected_profit_minor} by {best.offer_id} ({best.basis}), {asked}"


def chosen(s: Situation) -> Check:
    """By a batch, with all others in view."""
    return s.planned != "", s.planned_why or "decided by itself"


def global_hold_out(s: Situation) -> Check:
    """A notice is no means to keep anybody: what is owed to the customer is told to all."""
    if s.campaign.purpose == "notice":
        return True, "nobody is held out of a notice"
    drawn = min(global_bucket(one) for one in (s.customer.customer_id, *s.members))
    return drawn >= GLOBAL_SHARE, f"bucket {drawn:.4f}, hold-out share {GLOBAL_SHARE:.2f}"


def hold_out(s: Situation) -> Check:
    stored = ", assigned before" if s.assigned else ""
    variant = f"; of those treated variant {s.variant.name}" if s.variant else ""
    return s.arm == "treatment", f"{s.arm}{stored}: bucket {s.bucket:.4f}, hold-out share {s.campaign.hold_out_share:.2f}{variant}"


def frequency_cap(s: Situation) -> Check:
    return s.contacts < s.campaign.cap_contacts, f"{s.contacts} open or done in {s.campaign.cap_days} days, at most {s.campaign.cap_contacts}"


def campaign_running(s: Situation) -> Check:
    return s.campaign.state == "running", s.campaign.state


def budget(s: Situation) -> Check:
    limit = s.campaign.budget_minor
    used = f"{s.budget_used_minor} used, {s.cost_minor} more"
    return limit is None or s.budget_used_minor + s.cost_minor <= limit, f"{used}, {'no limit' if limit is None else f'at most {limit} a month'}"


def capacity(s: Situation) -> Check:
    return s.open_tasks < s.campaign.capacity, f"{s.open_tasks} open tasks, at most {s.campaign.capacity}"


def _days_ago(days: int | None) -> str:
    return "never exposed" if days is None else f"exposed {days} days ago"


def _said(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"


GATES: tuple[Callable[[Situation], Check], ...] = (
    known_customer,
    not_merged_or_erased,
    live_subscription,
    not_visitor_or_employer_paid,
    do_not_contact,
    consent,
    objection,
    reachable,
    timezone,
    service_trouble,
    audience,
    not_again,
    offer,
    not_to_be_disturbed,
    expected_profit,
    chosen,
    global_hold_out,
    hold_out,
    frequency_cap,
    campaign_running,
    capacity,
    budget,
)
