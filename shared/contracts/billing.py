"""What billing reports."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from shared.contracts import topics
from shared.contracts.envelope import Amount, AmountOrZero, Currency, Id, Part, Payload, PersonalText, Word

PaymentMethod = Literal["cash", "card", "direct_debit", "bank_transfer", "wallet", "voucher"]


BOUNCED = frozenset({"bounced", "returned", "insufficient_funds", "chargeback"})


class BillLine(Part):
    category: Literal["recurring", "usage", "overage", "roaming", "device", "one_off", "discount", "tax"]
    amount_minor: int = Field(ge=-(10**12), le=10**12, description="Minor units; a discount is negative")


class BillIssued(Payload):
    """A bill was issued for a period; it lands in the month the period starts in."""

    type: ClassVar = "billing.bill_issued.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {
        "bill_id": "B-2026-10-1", "amount_minor": 12800, "currency": "CNY", "period_start": "2026-10-01T00:00:00Z",
        "period_end": "2026-11-01T00:00:00Z", "due_date": "2026-11-20",
        "lines": [{"category": "recurring", "amount_minor": 9800}, {"category": "overage", "amount_minor": 3000}],
    }  # fmt: skip

    bill_id: Id
    amount_minor: AmountOrZero
    currency: Currency
    period_start: AwareDatetime
    period_end: AwareDatetime
    due_date: date
    lines: tuple[BillLine, ...] = Field(default=(), max_length=200)

    def occurred_at(self, event_time: datetime) -> datetime:
        return self.period_start


class PaymentReceived(Payload):
    """A payment was credited."""

    type: ClassVar = "billing.payment_received.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {
        "payment_id": "P-77120", "amount_minor": 12800, "currency": "CNY", "method": "wallet", "channel": "app", "bill_id": "B-2026-10-1",
    }  # fmt: skip

    payment_id: Id
    amount_minor: Amount
    currency: Currency
    method: PaymentMethod
    channel: Word
    bill_id: Id | None = None


class PaymentReversed(Payload):
    """A payment was taken back in full or in part: refund, chargeback, cancelled purchase. Never counts as a payment."""

    type: ClassVar = "billing.payment_reversed.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {"payment_id": "P-77120", "amount_minor": 3000, "currency": "CNY", "reason": "disputed"}

    payment_id: Id
    amount_minor: Amount
    currency: Currency
    reason: Word = Field(description="`bounced`, `returned`, `insufficient_funds`, `chargeback`: the bill is owed again; any other: money given back")


class ToppedUp(Payload):
    """A prepaid balance was topped up."""

    type: ClassVar = "billing.topped_up.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {
        "top_up_id": "T-9001", "amount_minor": 5000, "currency": "CNY", "method": "voucher", "channel": "shop", "balance_after_minor": 5320,
    }  # fmt: skip

    top_up_id: Id
    amount_minor: Amount
    currency: Currency
    method: PaymentMethod
    channel: Word
    balance_after_minor: AmountOrZero | None = None


class AccountSuspended(Payload):
    """Service was barred."""

    type: ClassVar = "billing.account_suspended.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {"reason": "arrears", "owed_minor": 25600, "currency": "CNY"}

    reason: Literal["arrears", "fraud", "customer_request", "legal"]
    owed_minor: AmountOrZero = 0
    currency: Currency


class AccountResumed(Payload):
    """Service was restored."""

    type: ClassVar = "billing.account_resumed.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {"note": "paid in full"}

    note: PersonalText = ""


class CreditLimitChanged(Payload):
    """The credit limit of the account was set."""

    type: ClassVar = "billing.credit_limit_changed.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {"limit_minor": 50000, "currency": "CNY"}

    limit_minor: AmountOrZero
    currency: Currency


class DebtWrittenOff(Payload):
    """A debt was given up as bad."""

    type: ClassVar = "billing.debt_written_off.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {"amount_minor": 25600, "currency": "CNY", "bill_id": "B-2026-05-1"}

    amount_minor: Amount
    currency: Currency
    bill_id: Id | None = None


class PointsRedeemed(Payload):
    """Loyalty points were redeemed at a point of sale."""

    type: ClassVar = "billing.points_redeemed.v1"
    topic: ClassVar = topics.BILLING
    example: ClassVar[dict[str, Any]] = {"points": 1200, "item": "data pack 5 GB", "place": "shop 0571-12"}

    points: int = Field(gt=0, le=10_000_000)
    item: Word
    place: Word


PAYLOADS: tuple[type[Payload], ...] = (
    BillIssued,
    PaymentReceived,
    PaymentReversed,
    ToppedUp,
    AccountSuspended,
    AccountResumed,
    CreditLimitChanged,
    DebtWrittenOff,
    PointsRedeemed,
)
