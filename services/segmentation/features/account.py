"""The customer's account: open bills and what was paid on them, the bar, the credit limit."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any, NamedTuple

from shared.contracts import billing
from shared.contracts.customer import Fact

Account = dict[str, Any]

BILLS_KEPT = 18
CREDITS_KEPT = 200
"""Days with money that names no bill: ten a bill."""

PAYLOADS = (
    billing.BillIssued, billing.PaymentReceived, billing.PaymentReversed, billing.AccountSuspended, billing.AccountResumed, billing.CreditLimitChanged,
)  # fmt: skip


class Position(NamedTuple):
    """What is past due, and how it was paid before."""

    owed_minor: int
    overdue_days: int
    late_payments: int
    bills: tuple[str, ...]
    """Ids of the bills that are past due, oldest first."""


NOTHING_OWED = Position(0, 0, 0, ())


def note(account: Account, fact: Fact) -> None:
    """In place, the same in whatever order facts come: bills by id and their newest issue, money by sums, states by the newest time."""
    data, at = fact.data, fact.time.astimezone(UTC).isoformat()
    day = at[:10]
    if fact.type == billing.BillIssued.type:
        _issue(_bill(account, data["bill_id"]), [at, data["due_date"], data["amount_minor"]])
    elif fact.type == billing.PaymentReceived.type:
        _pay(account, data.get("bill_id"), data["amount_minor"], day)
    elif fact.type == billing.PaymentReversed.type:
        if data["reason"] in billing.BOUNCED:  # what was given back to the customer is not owed again
            _pay(account, None, -data["amount_minor"], day)
    elif fact.type == billing.CreditLimitChanged.type:
        _newest(account, "limit", [at, data["limit_minor"]])
    else:
        suspended = fact.type == billing.AccountSuspended.type
        _newest(account, "bar", [at, data["reason"] if suspended else "", data.get("owed_minor", 0) if suspended else 0])


def position(account: Account, today: date) -> Position:
    """What is owed and past due as of a day. Money that names no bill pays those due first, once there are bills; what bounced
    is owed again, on the newest bill there was by then, as it names none either."""
    known = sorted((bill["due"], bill_id, bill) for bill_id, bill in account.get("bills", {}).items() if "due" in bill)
    left = {bill_id: max(0, bill["amount"] - bill.get("paid", 0)) for _, bill_id, bill in known}
    since = min((bill["issued"] for _, _, bill in known), default="")
    money = [(day, amount) for day, amount in account.get("credits", ()) if day >= since]
    unnamed = sum(amount for _, amount in money if amount > 0)
    for day, amount in money:
        unnamed -= _owed_again(left, [(bill_id, bill) for _, bill_id, bill in known if bill["issued"] <= day], -amount) if amount < 0 else 0
    for _, bill_id, _ in known:
        paid = min(left[bill_id], max(0, unnamed))
        left[bill_id] -= paid
        unnamed -= paid
    overdue = [(due, bill_id) for due, bill_id, _ in known if left[bill_id] and date.fromisoformat(due) < today]
    owed, oldest = sum(left[bill_id] for _, bill_id in overdue), overdue[0][0] if overdue else None
    at, reason, barred_for = account.get("bar", ("", "", 0))
    if reason == "arrears":
        owed, oldest = max(owed, barred_for), oldest or at[:10]
    late = sum(1 for due, _, bill in known if bill.get("paid_on", "") > due)
    days = max(1, (today - date.fromisoformat(oldest)).days) if oldest and owed else 0
    return Position(owed, days, late, tuple(bill_id for _, bill_id in overdue))


def credit_limit_minor(account: Account) -> int | None:
    found: int | None = account["limit"][1] if "limit" in account else None
    return found


def _owed_again(left: dict[str, int], bills: list[tuple[str, dict[str, Any]]], taken_back: int) -> int:
    """Put back on the newest bills, as far as they were paid; the rest was money that named none."""
    for bill_id, bill in reversed(bills):
        back = min(bill["amount"] - left[bill_id], taken_back)
        left[bill_id] += back
        taken_back -= back
    return taken_back


def _bill(account: Account, bill_id: str) -> dict[str, Any]:
    bills = account.setdefault("bills", {})
    bill: dict[str, Any] = bills.setdefault(bill_id, {})
    if len(bills) > BILLS_KEPT:
        # One that was paid and never issued here is the oldest: nothing can be owed on it.
        del bills[min((key for key in bills if key != bill_id), key=lambda key: (bills[key].get("due", ""), key))]
    return bill


def _issue(bill: dict[str, Any], newest: list[Any]) -> None:
    at, due, amount = newest
    bill["issued"] = min(bill.get("issued", at[:10]), at[:10])
    if bill.get("issue", []) <= newest:
        bill.update(issue=newest, due=due, amount=amount)


def _pay(account: Account, bill_id: str | None, amount_minor: int, day: str) -> None:
    if bill_id is not None:
        bill = _bill(account, bill_id)
        bill["paid"] = bill.get("paid", 0) + amount_minor
        bill["paid_on"] = max(bill.get("paid_on", ""), day)
        return
    by_day = dict(account.get("credits", ()))
    by_day[day] = by_day.get(day, 0) + amount_minor
    account["credits"] = [list(one) for one in sorted(by_day.items())[-CREDITS_KEPT:]]


def _newest(account: Account, name: str, state: list[Any]) -> None:
    """Time first; of one instant the same one in whatever order."""
    if account.get(name, []) <= state:
        account[name] = state
