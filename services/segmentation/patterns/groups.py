"""What the members of a household or a closed user group show together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from services.segmentation.parameters import Patterns

CUG, HOUSEHOLD = "cug:", "household:"


class Member(NamedTuple):
    customer_id: str
    sign: str
    """forwarding, silent, left, or empty."""
    sign_on: date | None


class GroupFinding(NamedTuple):
    """What is told of a group to those who are left in it."""

    share_percent: float
    signs: dict[str, int]
    members: int


def group_churn(members: Sequence[Member], today: date, parameters: Patterns) -> GroupFinding | None:
    """A share of a group shows signs of leaving together; None: too small a group."""
    if len(members) < parameters.group_least_members:
        return None
    signs: dict[str, int] = {}
    for member in members:
        if member.sign and _is_recent(member, today, parameters.group_sign_days):
            signs[member.sign] = signs.get(member.sign, 0) + 1
    return GroupFinding(100 * sum(signs.values()) / len(members), signs, len(members))


def peers_who_left(members: Sequence[Member], today: date, parameters: Patterns) -> list[Member]:
    """Of a household or a small group."""
    if len(members) > parameters.peer_most_members:
        return []
    return [member for member in members if member.sign == "left" and _is_recent(member, today, parameters.peer_days)]


def _is_recent(member: Member, today: date, days: int) -> bool:
    return member.sign_on is not None and (today - member.sign_on).days <= days
