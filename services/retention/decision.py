"""Contact, hold out or refuse: one warning, one campaign, one customer."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from services.retention.attempts import first_attempt
from services.retention.campaign import Offer
from services.retention.contact_policy import Situation, check, global_hold_out, hold_out
from services.retention.hold_out import Arm
from services.retention.reachability import best_part
from shared.contracts.retention import Gate

Verdict = Literal["contact", "held_out", "refused"]

PRIORITIES = {"urgent": 80, "warning": 50}
OF_TIER = {"platinum": 15, "gold": 10, "iron": 5}
"""What a tier adds: of two in equal trouble the more valuable one is called first."""
HOLD_OUTS = frozenset({global_hold_out.__name__, hold_out.__name__})
LONGEST_ID = 128
_FITS_INTO_A_PATH = re.compile(r"[A-Za-z0-9._~:@-]+")


class Contact(NamedTuple):
    """With what, and from when on the customer's own clock."""

    offer: Offer
    due_at: datetime
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Decision:
    """`arm` only where the customer counts for the campaign's effect: exposed, or held out from an exposure."""

    verdict: Verdict
    gates: tuple[Gate, ...]
    arm: Arm | None = None
    contact: Contact | None = None
    variant: str | None = None
    """Of who is contacted, where the campaign has variants."""

    @property
    def failed_gate(self) -> str | None:
        """The first one."""
        return next((gate.gate for gate in self.gates if not gate.passed), None)


def decide(situation: Situation) -> Decision:
    """Held out is only who would have been contacted otherwise: that makes the two arms comparable.

    Who is in the global hold-out belongs to no campaign, so has no arm.
    """
    gates = check(situation)
    failed = {gate.gate for gate in gates if not gate.passed}
    if failed - HOLD_OUTS:
        return Decision("refused", gates)
    if global_hold_out.__name__ in failed:
        return Decision("held_out", gates)
    if failed:
        return Decision("held_out", gates, arm="hold_out")
    assert situation.offer and situation.zone, "their gates passed"
    best = best_part(situation.reach) if situation.channel == "call" else None
    due_at = first_attempt(situation.now, situation.campaign.hours, situation.zone, best)
    variant = situation.variant.name if situation.variant else None
    return Decision("contact", gates, arm="treatment", contact=Contact(situation.offer, due_at, situation.zone), variant=variant)


def priority_of(severity: str, tier: str | None) -> int:
    return PRIORITIES[severity] + OF_TIER.get(tier or "", 0)


def decision_id(campaign_id: str, alert_id: str) -> str:
    """The same for the same two, so that deciding twice is impossible. Also the task's id, so it has to fit into a URL's path."""
    plain = f"{campaign_id}:{alert_id}"
    if len(plain) <= LONGEST_ID and _FITS_INTO_A_PATH.fullmatch(plain):
        return plain
    return f"{campaign_id[:60]}:{hashlib.sha256(plain.encode()).hexdigest()}"
