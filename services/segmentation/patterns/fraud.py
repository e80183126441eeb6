"""Sudden use that costs much: against the customer's own history, and against what they are good for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from services.segmentation.features import Features, account
from services.segmentation.features.months import total
from services.segmentation.parameters import Fraud
from services.segmentation.patterns.finding import Finding
from shared import clock
from shared.contracts.customer import Fact

BASELINE_MONTHS = 3


class Charges(NamedTuple):
    """Minutes to abroad and to premium numbers, and what they cost by estimate."""

    minutes_per_day: float
    usual_minutes_per_day: float
    minor: int


def sudden_charges(fact: Fact, features: Features, parameters: Fraud) -> Iterator[Finding]:
    """Many times the usual; urgent once the estimated charges come near the credit. The facts carry all that is needed: no month is waited for."""
    charges = _charges(fact, features, parameters)
    if charges.minutes_per_day < max(parameters.least_minutes_per_day, parameters.jump_factor * charges.usual_minutes_per_day):
        return
    limit = account.credit_limit_minor(features.account)
    credit = parameters.default_credit_minor if limit is None else limit
    yield Finding.by(
        fact,
        "fraud",
        "urgent" if 100 * charges.minor >= parameters.credit_percent * credit else "warning",
        f"{charges.minutes_per_day:.0f} minutes a day to abroad or premium numbers, usually {charges.usual_minutes_per_day:.0f}",
        {
            "minutes_per_day": round(charges.minutes_per_day, 1),
            "usual_minutes_per_day": round(charges.usual_minutes_per_day, 1),
            "estimated_minor": charges.minor,
            "credit_minor": credit,
            "period_start": fact.data["period_start"],
        },
    )


def _charges(fact: Fact, features: Features, parameters: Fraud) -> Charges:
    began, ended = (datetime.fromisoformat(fact.data[name]) for name in ("period_start", "period_end"))
    days = max((ended - began).total_seconds() / 86_400, 1.0)
    abroad, premium = (fact.data.get(far_end, {}).get("out_seconds", 0) / 60 for far_end in ("international", "premium"))
    before = [features.months.get(clock.months_before(clock.month_of(began), count), {}) for count in range(1, BASELINE_MONTHS + 1)]
    usual = total(before, "out_international_seconds", "out_premium_seconds") / 60 / max(total(before, "usage_days"), 1)
    minor = round(abroad * parameters.international_minor_per_minute + premium * parameters.premium_minor_per_minute)
    return Charges((abroad + premium) / days, usual, minor)
