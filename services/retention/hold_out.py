"""Who is left alone, so that the effect of contacting the others can be measured.

Drawn by a salted hash of the stable customer id: a customer stays in the same arm of a campaign whatever else changes, and
their arm in one campaign says nothing about their arm in another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Literal

Arm = Literal["treatment", "hold_out"]

# Another salt or share would move customers in and out of the group that no campaign ever touched: these two stay for good.
GLOBAL_SALT = "holdfast-global-1"
GLOBAL_SHARE = 0.02


def bucket(salt: str, campaign_id: str, customer_id: str) -> float:
    """Where the customer lies in [0, 1), evenly spread."""
    digest = hashlib.sha256(f"{salt}|{campaign_id}|{customer_id}".encode()).digest()
    return int.from_bytes(digest[:6]) / 2**48


def arm_of(drawn: float, share: float) -> Arm:
    return "hold_out" if drawn < share else "treatment"


def variant_of(salt: str, campaign_id: str, customer_id: str, shares: Mapping[str, float]) -> str | None:
    """Which of the variants, by a draw of its own: a customer's variant says nothing about how near they were to being held out."""
    left = bucket(f"{salt}/variant", campaign_id, customer_id) * sum(shares.values())
    for name, share in shares.items():
        left -= share
        if left < 0:
            return name
    return next(reversed(list(shares)), None)


def stratified(ids_by_stratum: Mapping[str, Collection[str]], share: float, salt: str, campaign_id: str) -> dict[str, Arm]:
    """For a batch, whose customers are all known: of each stratum the exact share, to within one customer, and of all of them together the exact
    share rounded. In a stratum those are held out whom the draw of one alone would hold out first, so that few change arms between the two ways.

    The order of the input makes no difference, and the same input has the same arms. Whoever was assigned before keeps their arm: leave them out.
    """
    arms: dict[str, Arm] = {}
    seen = held = 0
    for stratum in sorted(ids_by_stratum):
        ids = sorted(set(ids_by_stratum[stratum]), key=lambda one: (bucket(salt, campaign_id, one), one))
        seen += len(ids)
        quota = round(share * seen) - held
        held += quota
        arms |= {one: "hold_out" if place < quota else "treatment" for place, one in enumerate(ids)}
    return arms


def global_bucket(customer_id: str) -> float:
    return bucket(GLOBAL_SALT, "", customer_id)
