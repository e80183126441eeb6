"""Cell2Cell: every mapped column in months, profiles and warnings, computed again from the file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from deploy.replay.proof.expected import Check, Expected, compare
from deploy.replay.proof.stored import Stored

# Area, first day, last day.
Profile = tuple[str | None, str, str | None]

# The means are thirds cut to one decimal: three times the mean, rounded, is the count. DuckDB rounds a DECIMAL's halves away from zero.
MONTHS = """
WITH subscribers AS (
    SELECT * REPLACE (
        CAST(MonthlyRevenue AS DECIMAL(12, 2)) AS MonthlyRevenue, CAST(TotalRecurringCharge AS DECIMAL(12, 2)) AS TotalRecurringCharge,
        CAST(MonthlyMinutes AS INT) AS MonthlyMinutes, CAST(PercChangeMinutes AS INT) AS PercChangeMinutes
    ) FROM lines
), said AS (
    SELECT CustomerID, '2001-09' AS month, unnest([
        {'measure': 'usage_days', 'value': 91},
        {'measure': 'out_on_net_seconds', 'value': 180 * MonthlyMinutes},
        {'measure': 'out_on_net_calls', 'value': round(3 * CAST(OutboundCalls AS DECIMAL(12, 1)))},
        {'measure': 'in_on_net_calls', 'value': round(3 * CAST(InboundCalls AS DECIMAL(12, 1)))},
        {'measure': 'roaming_calls', 'value': round(3 * CAST(RoamingCalls AS DECIMAL(12, 1)))},
        {'measure': 'care_calls', 'value': round(3 * CAST(CustomerCareCalls AS DECIMAL(12, 1)))},
        {'measure': 'dropped_calls', 'value': round(3 * CAST(DroppedCalls AS DECIMAL(12, 1)))},
        {'measure': 'access_failures', 'value': round(3 * CAST(BlockedCalls AS DECIMAL(12, 1)))},
        {'measure': 'bills', 'value': CAST(MonthlyRevenue >= 0 AS INT)},
        {'measure': 'billed_minor', 'value': CASE WHEN MonthlyRevenue >= 0 THEN 300 * MonthlyRevenue END}
    ], recursive := true) FROM subscribers
    UNION ALL SELECT CustomerID, '2001-12', unnest([
        {'measure': 'usage_days', 'value': CASE WHEN PercChangeMinutes IS NOT NULL THEN 31 END},
        {'measure': 'out_on_net_seconds', 'value': 60 * (MonthlyMinutes + PercChangeMinutes)},
        {'measure': 'agent_contacts', 'value': CAST(RetentionCalls AS INT)},
        {'measure': 'retention_calls', 'value': CAST(RetentionCalls AS INT)},
        {'measure': 'retention_offers_accepted', 'value': CAST(RetentionOffersAccepted AS INT)}
    ], recursive := true) FROM subscribers
    UNION ALL SELECT CustomerID, strftime(DATE '2002-01-01' - CAST(CurrentEquipmentDays AS INT), '%Y-%m'), 'device_changes', 1
    FROM subscribers WHERE CurrentEquipmentDays IS NOT NULL
)
SELECT CustomerID, month, measure, CAST(value AS BIGINT) FROM said WHERE value <> 0
"""

PROFILES = """
SELECT
    CustomerID, ServiceArea, strftime(DATE '2001-12-01' - to_months(CAST(MonthsInService AS INT)), '%Y-%m-%d'),
    CASE WHEN Churn = 'Yes' THEN '2002-02-01' END
FROM lines
"""

# usage_fall of patterns-1: at least 60 s a day before, half of it gone is a warning, four fifths are urgent. 91 days before, 31 after.
FALLS = """
WITH usage AS (
    SELECT CustomerID, 180 * CAST(MonthlyMinutes AS BIGINT) AS before, 60 * (CAST(MonthlyMinutes AS BIGINT) + CAST(PercChangeMinutes AS BIGINT)) AS now
    FROM lines
)
SELECT CustomerID, CASE WHEN 100 * now * 91 <= 20 * before * 31 THEN 'urgent' ELSE 'warning' END
FROM usage WHERE before >= 60 * 91 AND 100 * now * 91 <= 50 * before * 31
"""


async def prove(expected: Expected, stored: Stored, as_of: date) -> list[Check]:
    profiles, stored_profiles = _profiles(expected), await _stored_profiles(stored)
    falls, stored_falls = dict(expected.run(FALLS)), await _stored_falls(stored)
    departures = _departures(profiles, falls)
    shares = ", ".join(f"{100 * left / max(1, count):.1f} % of {count:,} {who}" for who, (count, left) in departures.items())
    return [
        compare("rollups: every measure of every subscriber and month", _months(expected), await stored.months()),
        compare("profiles: area, first day and last day, per subscriber", profiles, stored_profiles),
        compare("warnings of falling usage and their severity, per subscriber", falls, stored_falls),
        compare(f"who left: {shares}", departures, _departures(stored_profiles, stored_falls)),
    ]


def _months(expected: Expected) -> dict[tuple[str, str], dict[str, int]]:
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for customer, month, measure, value in expected.run(MONTHS):
        found[customer, month][measure] = value
    return found


def _profiles(expected: Expected) -> dict[str, Profile]:
    return {customer: (area, first_day, last_day) for customer, area, first_day, last_day in expected.run(PROFILES)}


async def _stored_profiles(stored: Stored) -> dict[str, Profile]:
    found = {}
    for customer, profile in (await stored.profiles()).items():
        (subscription,) = profile["subscriptions"]
        ended = subscription.get("terminated_at")
        found[customer] = (profile.get("region"), subscription["activated_at"][:10], ended and ended[:10])
    return found


def _departures(profiles: Mapping[str, Profile], falls: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """How many there are, and how many of them left."""
    found = {}
    for who, among in (("warned", profiles.keys() & falls.keys()), ("not warned", profiles.keys() - falls.keys())):
        found[who] = (len(among), sum(profiles[customer][2] is not None for customer in among))
    return found


async def _stored_falls(stored: Stored) -> dict[str, str]:
    return {row.customer_id: row.severity for row in await stored.rows("segmentation", "SELECT customer_id, severity FROM alerts WHERE kind = 'usage_fall'")}
