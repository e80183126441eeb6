"""Who is left alone, so that the effect of contacting the others can be measured.

Drawn by a salted hash of the stable customer id: a customer stays in the same arm of a campaign whatever else changes, and
their arm in one campaign says nothing about their arm in another.
"""

from __future__ import annotations

import hashlib
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


def global_bucket(customer_id: str) -> float:
    return bucket(GLOBAL_SALT, "", customer_id)
