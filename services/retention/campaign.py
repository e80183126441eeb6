"""What is offered, and who decides about offering it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.retention.calling_hours import CallingHours
from services.retention.hold_out import variant_of

State = Literal["draft", "running", "paused", "stopped", "archived"]
Step = Literal["approve", "pause", "resume", "stop", "archive"]
DECIDES: tuple[State, ...] = ("running", "paused")
"""What a campaign decides in: paused, so that everybody can be told that it was."""

STEPS: Mapping[Step, tuple[frozenset[State], State]] = {
    "approve": (frozenset({"draft"}), "running"),
    "pause": (frozenset({"running"}), "paused"),
    "resume": (frozenset({"paused"}), "running"),
    "stop": (frozenset({"running", "paused"}), "stopped"),
    "archive": (frozenset({"draft", "stopped"}), "archived"),
}
"""From which states, and to which. Nothing is deleted: what was decided refers to it."""
Purpose = Literal["selling", "service", "win_back", "notice"]
"""What serves (a make-good, a reminder) is not held back by the trouble that it answers. To win back is for who left, and for nobody else.
A notice tells what a person decided for the customer: it is owed to them, sells nothing, and needs no consent to marketing."""
SERVES: frozenset[Purpose] = frozenset({"service", "notice"})
Channel = Literal["call", "sms", "email", "push"]
"""A call is a task for an agent; the others are messages."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry of the catalogue."""

    offer_id: str
    name: str
    cost_minor: int
    currency: str
    payment_types: Sequence[str]
    valid_from: datetime
    valid_to: datetime | None
    script: str
    stock: int | None = None
    """Pieces ever supplied; None: without end."""
    channels: Sequence[str] = ()
    """By which it may be made; none: any."""

    def is_for(self, payment_types: Collection[str], at: datetime) -> bool:
        valid = self.valid_from <= at and (self.valid_to is None or at < self.valid_to)
        return valid and not set(self.payment_types).isdisjoint(payment_types)

    def may_be_made(self, channel: Channel, left: Mapping[str, int]) -> bool:
        """`left`: the pieces that nobody has, of offers with a stock; what is not known of one is none."""
        return (not self.channels or channel in self.channels) and (self.stock is None or left.get(self.offer_id, 0) > 0)


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the ways a campaign treats whom it does not hold out, so that they can be compared."""

    name: str
    share: float
    """Of the treated."""
    offers: Mapping[str, Sequence[str]]
    """In place of the campaign's, for the kinds of alert that are named."""
    purpose: str | None = None
    """Of the templates its messages are made of; None: the campaign's id."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """Triggered by alerts. `offers`: per kind of alert that triggers it the offers, the preferred one first."""

    campaign_id: str
    state: State
    channel: Channel
    offers: Mapping[str, Sequence[str]]
    hold_out_share: float
    salt: str
    cap_contacts: int
    cap_days: int
    hours: CallingHours
    capacity: int
    least_profit_minor: int | None = None
    """A contact has to be expected to bring; None: profit ranks the offers, and refuses nobody."""
    budget_minor: int | None = None
    """Of a calendar month; None: none is set."""
    variants: Sequence[Variant] = ()
    fallback_channels: Sequence[Channel] = ()
    """By which else, in this order, whom the first does not reach or who did not agree to it."""
    purpose: Purpose = "selling"
    audience: Mapping[str, Any] | None = None
    """A condition (audience.py); None: everybody."""
    again_after_days: int | None = None
    """Nobody is exposed to it again before; None: as often as there is an occasion."""

    def variant(self, customer_id: str, assigned: str | None) -> Variant | None:
        """The one they were assigned to, else the one they are drawn into; None: the campaign has none."""
        by_name = {one.name: one for one in self.variants}
        drawn = variant_of(self.salt, self.campaign_id, customer_id, {one.name: one.share for one in self.variants})
        return by_name.get(assigned or "", by_name.get(drawn or ""))

    def offers_to(self, kind: str, variant: Variant | None) -> Sequence[str]:
        return (variant.offers.get(kind) if variant else None) or self.offers[kind]


def eligible_offers(listed: Sequence[Offer], *, payment_types: Collection[str], at: datetime, channel: Channel, left: Mapping[str, int]) -> list[Offer]:
    """Those on the list that this customer may have now, by this channel, the preferred one first."""
    return [offer for offer in listed if offer.is_for(payment_types, at) and offer.may_be_made(channel, left)]
