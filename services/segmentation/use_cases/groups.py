"""Households and closed user groups: who is in them, and the warnings that follow from what others of the group do.

A change of a member marks its groups in the batch that brought it; the sweep looks at marked groups and holds their members.
Everyone locks customers first and groups after, so that the two never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation.features import Features
from services.segmentation.parameters import Patterns
from services.segmentation.patterns.finding import Finding
from services.segmentation.patterns.groups import CUG, HOUSEHOLD, GroupFinding, Member, group_churn, peers_who_left
from services.segmentation.repository import groups as repository
from shared.database import Transaction

LEFT = "left"
MEMBERS_HELD = 500
GROUPS_AT_ONCE = 20


async def follow(tx: Transaction, held: Mapping[str, Features], today: date, parameters: Patterns) -> None:
    """Who is in which group now, and what they show; groups where that changed are looked at again."""
    known = {(row.group_id, row.customer_id): row for row in await repository.of_customers(tx, held)}
    wanted = {(group_id, features.customer_id): features.sign for features in held.values() for group_id in groups_of(features)}
    parted = known.keys() - wanted.keys()
    shown = {key: LEFT for key in parted if _still_counts(known[key], held[key[1]], today, parameters)}
    fresh = [
        {"group_id": group_id, "customer_id": customer_id, "sign": sign, "sign_on": today.isoformat() if sign else None}
        for (group_id, customer_id), sign in (wanted | shown).items()
        if (group_id, customer_id) not in known or known[group_id, customer_id].sign != sign
    ]
    forgotten = parted - shown.keys()
    await repository.save_members(tx, fresh)
    await repository.remove_members(tx, forgotten)
    await repository.mark_changed(tx, {str(row["group_id"]) for row in fresh} | {group_id for group_id, _ in forgotten})


def _still_counts(member: sa.Row[Any], features: Features, today: date, parameters: Patterns) -> bool:
    """Who left a closed user group is a sign to its members for a while; who moved house is none to the household."""
    if features.is_gone or not member.group_id.startswith(CUG):
        return False
    return member.sign != LEFT or (today - date.fromisoformat(member.sign_on)).days <= parameters.group_sign_days


def groups_of(features: Features) -> Iterator[str]:
    """Also of one who left, as long as that is a sign to the others."""
    if features.is_gone or (features.left_on and not features.sign):
        return
    if features.holding.get("household"):
        yield f"{HOUSEHOLD}{features.holding['household']}"
    yield from sorted({f"{CUG}{cug}" for one in features.subscriptions for cug in one["cugs"]})


async def members(tx: Transaction, group_id: str) -> list[Member]:
    rows = await repository.members_of(tx, group_id, limit=MEMBERS_HELD)
    return [Member(row.customer_id, row.sign, date.fromisoformat(row.sign_on) if row.sign_on else None) for row in rows]


def findings(
    group_id: str, listed: Sequence[Member], *, raised_on: date | None, now: datetime, parameters: Patterns
) -> tuple[dict[str, list[Finding]], date | None]:
    """Per member who is left what they are warned of, and since when the group is: a group is warned about once, until it is armed again."""
    today = now.date()
    found: dict[str, list[Finding]] = {}
    share = group_churn(listed, today, parameters) if group_id.startswith(CUG) else None
    if share and share.share_percent < parameters.group_rearm_percent:
        raised_on = None
    if share and share.share_percent >= parameters.group_share_percent and raised_on is None:
        raised_on = today
        for member in listed:
            found.setdefault(member.customer_id, []).append(_together(group_id, share, now))
    for peer in peers_who_left(listed, today, parameters):
        for member in listed:
            if member.customer_id != peer.customer_id:
                found.setdefault(member.customer_id, []).append(_peer_left(group_id, peer, now))
    return found, raised_on


def _together(group_id: str, share: GroupFinding, now: datetime) -> Finding:
    reason = f"{share.share_percent:.0f} % of the {share.members} members of {group_id} forward, fell silent or left"
    evidence = {"group": group_id, "members": share.members, "share_percent": round(share.share_percent, 1), "signs": share.signs}
    return Finding("group_churn", "urgent", reason, evidence, now, f"{group_id}:{now.date().isoformat()}")


def _peer_left(group_id: str, peer: Member, now: datetime) -> Finding:
    left_on = peer.sign_on.isoformat() if peer.sign_on else None
    return Finding("peer_churn", "warning", f"Somebody of {group_id} left", {"group": group_id, "left_on": left_on}, now, f"{group_id}:{left_on}")


async def changed(tx: Transaction) -> Sequence[sa.Row[Any]]:
    return await repository.changed(tx, limit=GROUPS_AT_ONCE)
