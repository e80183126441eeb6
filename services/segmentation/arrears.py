"""Arrears: how likely a debt is lost, by a scorecard of points, and which step of dunning is due."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from services.segmentation.features.account import Account, Position, credit_limit_minor
from services.segmentation.features.months import Month, back, total
from services.segmentation.parameters import Arrears

FURTHEST = 700.0  # beyond it e^x is no float any more, and the risk none
DUNNING = ("none", "reminder", "warning", "suspension", "collection")


class BadDebt(NamedTuple):
    """The risk is 1 / (1 + e^-((points - even) / scale)): a scorecard, so each reason's share of it is its points."""

    risk: float
    points: dict[str, int]


def bad_debt(account: Account, months: Mapping[str, Month], position: Position, today: date, parameters: Arrears) -> BadDebt:
    half_year = back(months, today, 0, 5)
    limit = credit_limit_minor(account)
    points = {
        "overdue_days": min(parameters.most_overdue_points, position.overdue_days * parameters.points_per_overdue_day),
        "late_payments": position.late_payments * parameters.points_per_late_payment,
        "suspensions": total(half_year, "suspensions") * parameters.points_per_suspension,
        "written_off": parameters.points_written_off if total(back(months, today, 0, 12), "written_off_minor") else 0,
        "limit_used": parameters.points_limit_used if limit is not None and 5 * position.owed_minor > 4 * limit else 0,
    }
    found = {name: value for name, value in points.items() if value}
    distance = (parameters.even_points - sum(found.values())) / parameters.scale_points
    return BadDebt(round(1 / (1 + math.exp(min(distance, FURTHEST))), 4), found)


def dunning_level(position: Position, parameters: Arrears) -> int:
    """0 to 4, as in `DUNNING`."""
    return sum(position.overdue_days >= days for days in parameters.dunning_days) if position.owed_minor >= parameters.least_owed_minor else 0
