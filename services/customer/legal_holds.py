"""A legal hold as facts: whoever reads `activity` learns that there is one and that it is over, and nothing of why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.customer.facts import OwnFact
from shared.contracts.customer import LegalHoldLifted, LegalHoldPlaced

TYPES = frozenset({LegalHoldPlaced.type, LegalHoldLifted.type})
PLACED, LIFTED = "legal-hold:", "legal-hold-lifted:"
"""Of a fact's id, before that of the hold."""


def facts_of(hold: Mapping[str, Any]) -> list[OwnFact]:
    """All that is to be told of it by now: what was told before is a duplicate."""
    hold_id, customer_id = hold["hold_id"], hold["customer_id"]
    found = [OwnFact(customer_id, PLACED + hold_id, LegalHoldPlaced(hold_id=hold_id), hold["placed_at"])]
    if hold.get("lifted_at"):
        found.append(OwnFact(customer_id, LIFTED + hold_id, LegalHoldLifted(hold_id=hold_id), hold["lifted_at"]))
    return found
