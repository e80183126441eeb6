"""By which channel a campaign contacts a customer, of those that it lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from services.retention.campaign import Campaign, Channel
from services.retention.contactable import Contactable
from services.retention.reachability import Reach, why_not


class Choice(NamedTuple):
    channel: Channel
    reason: str


def choose(campaign: Campaign, customer: Contactable, reaches: Mapping[str, Reach], now: datetime) -> Choice:
    """The one the customer prefers, if they agreed to it (a notice needs no consent) and nothing says it can not reach them; else the first such
    one of the list."""
    listed = (campaign.channel, *campaign.fallback_channels)
    agreed = [one for one in listed if campaign.purpose == "notice" or customer.consents.get(one) is True]
    usable = [one for one in agreed if why_not(reaches.get(one), now) is None]
    for one in usable:
        if one == customer.preferred_channel:
            return Choice(one, "the customer prefers it")
    if usable:
        return Choice(usable[0], f"the first of {', '.join(listed)} that is agreed to and may be tried")
    return Choice(campaign.channel, f"none of {', '.join(listed)} is agreed to and may be tried")
