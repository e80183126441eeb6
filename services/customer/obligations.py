"""What the operator still owes to the law or the customer, so that the customer can not be erased yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from shared.contracts import billing

# What each adds to what the customer owes.
OWED_BY: Mapping[str, int] = {
    billing.BillIssued.type: 1,
    billing.PaymentReversed.type: 1,
    billing.PaymentReceived.type: -1,
    billing.DebtWrittenOff.type: -1,
}


class Obligation(NamedTuple):
    code: str
    detail: str


def obligations(profile: Mapping[str, Any], *, owed: Mapping[str, int], open_cases: Sequence[str], holds: Sequence[str]) -> list[Obligation]:
    """Empty: nothing stands against an erasure."""
    active = [one["subscription_id"] for one in profile.get("subscriptions", ()) if "activated_at" in one and "terminated_at" not in one]
    return [
        *(Obligation("active_subscription", f"the contract of subscription {one} is in force") for one in active),
        *(Obligation("unpaid_balance", f"{amount} {currency} (minor units) are owed") for currency, amount in sorted(owed.items()) if amount > 0),
        *(Obligation("open_case", f"complaint {one} is not closed") for one in open_cases),
        *(Obligation("legal_hold", f"legal hold {one} is not lifted") for one in holds),
    ]


def owed(facts: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, int]:
    """Currency -> minor units: billed and not paid, of (type, payload) of the facts. Below zero: in credit."""
    found = Counter[str]()
    for type_, data in facts:
        found[data["currency"]] += OWED_BY[type_] * data["amount_minor"]
    return dict(found)
