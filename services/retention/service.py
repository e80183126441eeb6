"""What troubles a customer: while it lasts, and for some days after it was fixed, nothing is sold to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

from services.retention.contactable import Contactable
from services.retention.service_levels import Grade, patience
from shared.contracts.billing import AccountResumed, AccountSuspended, PaymentReversed
from shared.contracts.care import ComplaintEscalated, ComplaintOpened, ComplaintResolved, Severity
from shared.contracts.customer import Fact, LegalHoldLifted, LegalHoldPlaced, NetworkFaultEnded, NetworkFaultMet

Kind = Literal["complaint", "bill_dispute", "outage", "legal", "bereavement", "legal_hold"]
Family = Literal["complaint", "outage", "legal", "payment", "legal_hold"]

DISPUTED = frozenset({"disputed", "chargeback"})
LONGEST_OUTAGE = timedelta(days=2)
"""Of one whose end nobody reported: what is wrong in the cell later is hardly the same."""
MOURNING = timedelta(days=90)

COMPLAINT_TYPES = frozenset({ComplaintOpened.type, ComplaintEscalated.type, ComplaintResolved.type})
FAULT_TYPES = frozenset({NetworkFaultMet.type, NetworkFaultEnded.type})
HOLD_TYPES = frozenset({LegalHoldPlaced.type, LegalHoldLifted.type})


class Key(NamedTuple):
    """`family`: what reports of one trouble have in common. Whether a complaint disputes a bill, only its opening says."""

    customer_id: str
    family: Family
    trouble_id: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """`began_at`: None while only its end was told. `opened_by` names the fact that opened it."""

    key: Key
    kind: Kind
    severity: str = ""
    began_at: datetime | None = None
    ended_at: datetime | None = None
    opened_by: str | None = None

    @property
    def over_at(self) -> datetime | None:
        """None while it lasts."""
        assert self.began_at, "of one that began"
        if self.kind == "legal":
            return self.ended_at if self.ended_at and self.ended_at >= self.began_at else None
        if self.kind == "outage":
            return self.ended_at or self.began_at + LONGEST_OUTAGE
        return self.ended_at

    def is_open(self, now: datetime) -> bool:
        return self.over_at is None or self.over_at > now

    def holds_back_until(self, quiet: timedelta) -> datetime | None:
        """When something may be sold again; None while nobody knows. A legal hold that is lifted leaves nothing to get over."""
        if self.over_at is None or self.kind == "legal_hold":
            return self.over_at
        return self.over_at + max(quiet, MOURNING if self.kind == "bereavement" else quiet)

    def next_look(self, grade: Grade, now: datetime) -> datetime | None:
        """When an outage whose end is not told has lasted long enough to be made good, and when it is taken for over."""
        if self.kind != "outage" or self.began_at is None or self.ended_at is not None:
            return None
        moments = (self.began_at + patience("outage", grade) + timedelta(seconds=1), self.began_at + LONGEST_OUTAGE)
        return min((one for one in moments if one > now), default=None)


def key_of(customer_id: str, fact: Fact) -> Key | None:
    """Which trouble a fact is about; None: it is about none."""
    if fact.type in COMPLAINT_TYPES:
        return Key(customer_id, "complaint", fact.data["complaint_id"])
    if fact.type in FAULT_TYPES:
        return Key(customer_id, "outage", f"{fact.data['cell_id']}@{fact.data['started_at']}")
    if fact.type == AccountResumed.type or (fact.type == AccountSuspended.type and fact.data["reason"] == "legal"):
        return Key(customer_id, "legal", "account")
    if fact.type == PaymentReversed.type and fact.data["reason"] in DISPUTED:
        return Key(customer_id, "payment", fact.data["payment_id"])
    if fact.type in HOLD_TYPES:
        return Key(customer_id, "legal_hold", fact.data["hold_id"])
    return None


def new(key: Key) -> Trouble:
    kinds: Mapping[Family, Kind] = {
        "complaint": "complaint", "outage": "outage", "legal": "legal", "payment": "bill_dispute", "legal_hold": "legal_hold",
    }  # fmt: skip
    return Trouble(key, kinds[key.family])


def hear(held: Trouble, fact: Fact) -> Trouble:
    """After a fact about it, in whichever order they come."""
    at = fact.occurred_at
    if fact.type in COMPLAINT_TYPES | FAULT_TYPES:
        return _hear_of_trouble(held, fact)
    if fact.type == PaymentReversed.type:
        # Billing tells of a dispute only when money went back: it counts as fixed then.
        return replace(held, began_at=at, ended_at=at)
    if fact.type in {AccountSuspended.type, LegalHoldPlaced.type}:
        return replace(held, began_at=max(held.began_at or at, at))
    return replace(held, ended_at=max(held.ended_at or at, at))


def _hear_of_trouble(held: Trouble, fact: Fact) -> Trouble:
    at, data = fact.occurred_at, fact.data
    if fact.type == ComplaintOpened.type:
        kind: Kind = "bill_dispute" if data["kind"] == "billing" else "complaint"
        return replace(held, kind=kind, severity=_higher(held.severity, data["severity"]), began_at=at, opened_by=_name(fact))
    if fact.type == ComplaintEscalated.type:
        return replace(held, severity=_higher(held.severity, data["severity"]))
    if fact.type == NetworkFaultMet.type:
        return replace(held, severity=data["kind"], began_at=at, opened_by=_name(fact))
    return replace(held, ended_at=at)


def of_customer(customer: Contactable) -> list[Trouble]:
    """What the profile tells of."""
    at = customer.bereaved_at
    return [Trouble(Key(customer.customer_id, "legal", "bereavement"), "bereavement", began_at=at, ended_at=at)] if at else []


def holding_back(troubles: Iterable[Trouble], *, now: datetime, quiet: timedelta) -> list[Trouble]:
    """Those for which nothing is sold now."""
    found = []
    for one in troubles:
        until = one.holds_back_until(quiet) if one.began_at else now
        if until is None or until > now:
            found.append(one)
    return found


def _higher(held: str, told: str) -> str:
    ranks: Mapping[Any, int] = {severity: rank for rank, severity in enumerate(get_args(Severity))}
    return max(held, told, key=lambda one: ranks.get(one, -1))


def _name(fact: Fact) -> str:
    return f"{fact.id}|{fact.source}"
