"""The customer's account: open bills and what was paid on them, the bar, the credit limit."""

from __future__ import annotations

from datetime import UTC, date
from typing import Any, NamedTuple

from shared.contracts import billing
from shared.contracts.customer import Fact

Account = dict[str, Any]

BILLS_KEPT = 18
CREDITS_KEPT = 24

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


def note(account: Account, fact: Fact) -> None:
    """In place, the same in whatever order facts come: bills by id, money by sums, states by the newest time."""
    data, day = fact.data, fact.time.astimezone(UTC).date().isoformat()
    if fact.type == billing.BillIssued.type:
        _bill(account, data["bill_id"]).update(amount=data["amount_minor"], due=data["due_date"], issued=day)
    elif fact.type == billing.PaymentReceived.type:
        _pay(account, data.get("bill_id"), data["amount_minor"], day)
    elif fact.type == billing.PaymentReversed.type:
        _pay(account, None, -data["amount_minor"], day)
    elif fact.type == billing.CreditLimitChanged.type:
        _newest(account, "limit", {"at": fact.time.isoformat(), "minor": data["limit_minor"]})
    else:
        suspended = fact.type == billing.AccountSuspended.type
        bar = {"reason": data["reason"], "owed": data.get("owed_minor", 0)} if suspended else {}
        _newest(account, "bar", {"at": fact.time.astimezone(UTC).isoformat(), "day": day, "on": suspended, **bar})


def position(account: Account, today: date) -> Position:
    """What is owed and past due as of a day. Money that names no bill pays the oldest first, from when the bill was issued."""
    known = sorted((bill["due"], bill_id, bill) for bill_id, bill in account.get("bills", {}).items() if "due" in bill)
    unnamed = [[day, amount] for day, amount in account.get("credits", ())]
    owed, oldest, overdue = 0, None, []
    for due, bill_id, bill in known:
        left = _apply(unnamed, bill["amount"] - bill.get("paid", 0), bill["issued"])
        if left > 0 and date.fromisoformat(due) < today:
            owed, oldest = owed + left, oldest or due
            overdue.append(bill_id)
    bar = account.get("bar", {})
    if bar.get("on") and bar.get("reason") == "arrears":
        owed, oldest = max(owed, bar["owed"]), oldest or bar["day"]
    late = sum(1 for due, _, bill in known if bill.get("paid_on", "") > due)
    return Position(owed, (today - date.fromisoformat(oldest)).days if oldest and owed else 0, late, tuple(overdue))


def credit_limit_minor(account: Account) -> int | None:
    found: int | None = account.get("limit", {}).get("minor")
    return found


def _apply(unnamed: list[list[Any]], left: int, since: str) -> int:
    for credit in unnamed:
        if credit[0] >= since and left > 0 and credit[1]:
            used = min(left, credit[1])
            credit[1] -= used
            left -= used
    return left


def _bill(account: Account, bill_id: str) -> dict[str, Any]:
    bills = account.setdefault("bills", {})
    bill: dict[str, Any] = bills.setdefault(bill_id, {})
    if len(bills) > BILLS_KEPT:
        # One that was paid and never issued here is the oldest: nothing can be owed on it.
        del bills[min((key for key in bills if key != bill_id), key=lambda key: (bills[key].get("due", ""), key))]
    return bill


def _pay(account: Account, bill_id: str | None, amount_minor: int, day: str) -> None:
    if bill_id is not None:
        bill = _bill(account, bill_id)
        bill["paid"] = bill.get("paid", 0) + amount_minor
        bill["paid_on"] = max(bill.get("paid_on", ""), day)
        return
    by_day = dict(account.get("credits", ()))
    by_day[day] = by_day.get(day, 0) + amount_minor
    account["credits"] = [list(one) for one in sorted(by_day.items())[-CREDITS_KEPT:]]


def _newest(account: Account, name: str, state: dict[str, Any]) -> None:
    if account.get(name, {}).get("at", "") <= state["at"]:
        account[name] = state
