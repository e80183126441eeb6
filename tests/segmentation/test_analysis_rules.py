"""S15, S16: what customers count for, how the cubes follow them, and what the subjects make of the sums."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import date, timedelta
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from services.segmentation.analysis import Counted, snapshot_of
from services.segmentation.analysis.cells import ASPECTS, COUNTING, CUBES, DIMENSIONS, FLOWS, HELD, MEASURED, SETTLED, STOCK
from services.segmentation.analysis.counting import Deltas
from services.segmentation.analysis.files import Column, csv_of, parquet_of
from services.segmentation.analysis.flows import flows_of
from services.segmentation.analysis.series import Found, Sums, months_between, period_of, rows
from services.segmentation.analysis.subjects import INPUTS, SUBJECT_NAMES, SUBJECTS
from services.segmentation.features import Features
from services.segmentation.features.months import MEASURES_KEPT, MONTHS_KEPT
from shared.contracts.customer import Activity
from tests.segmentation.standings import standing

Document = dict[str, Any]
Cells = Counter[tuple[Any, ...]]
"""(cube, cell and part, measure) -> sum, without zeros."""


def subscription(number: int, *, since: str | None, until: str | None = None, reason: str | None = None, **data: Any) -> Document:
    known: Document = {"brand": "gotone", "payment_type": "postpaid"} | data | {"subscription_id": f"S-{number}"}
    if since:
        known["activated_at"] = f"{since}T09:00:00Z"
    if until:
        known |= {"terminated_at": f"{until}T09:00:00Z", "termination_reason": reason}
    return known


def tell(features: Features, **data: Any) -> None:
    features.take_in(Activity.model_validate_json(orjson.dumps(data)), features.last_sequence + 1)


def added(deltas: Deltas) -> Cells:
    found = Cells()
    for cube in CUBES:
        for row in deltas.rows(cube):
            cell = tuple(row[name] for name in (*cube.keys, "part"))
            found.update({(cube.name, cell, name): row[name] for name in cube.measures if row[name]})
    return found


def changed(*pairs: tuple[Counted | None, Counted | None], part: str = HELD) -> Cells:
    deltas = Deltas()
    for before, after in pairs:
        deltas.change(before, after, part=part)
    return added(deltas)


def plain_count(features: Features, stands: Document | None, segment: str | None) -> Cells:
    """What the customer counts for, said once more in another way, by the definitions alone."""
    found = Cells()
    if features.erased or features.merged_into or stands is None:
        return found
    live = [one for one in features.subscriptions if one["activated_on"] and not one["terminated_on"]]
    last = max((one for one in features.subscriptions if one["terminated_on"]), key=lambda one: str(one["terminated_on"]), default={})
    shown: Document = live[0] if live else last
    place = (
        shown.get("brand") or "none", features.holding.get("region") or "none", stands["tier"] or "none",
        features.holding.get("acquisition_channel") or "none", shown.get("payment_type") or "none", "yes" if stands["grade"] else "no",
    )  # fmt: skip
    for month, document in features.months.items():
        for name in MEASURED:
            value = bool({"usage_days", "payments", "top_ups"} & document.keys()) if name == "active_customers" else document.get(name, 0)
            found["month_cells", (month, *place, HELD), name] += value
    for month, name in flows_of(features.subscriptions):
        found["flow_cells", (month, *place, HELD), name] += 1
    stock = {
        "customers": int(bool(live)), "live_subscriptions": len(live), "at_risk": int(bool(live) and stands["status_group"] == "warning"),
        "owed_minor": stands["owed_minor"], **{name: stands[name] if live else 0 for name in ("value_minor", "future_value_minor", "revenue_at_risk_minor")},
    }  # fmt: skip
    for name in STOCK:
        found["stock_cells", (*place, stands["churn_cause"], HELD), name] += stock[name]
    for aspect in ASPECTS:
        value = segment if aspect == "segment" else stands[aspect]
        found["aspect_cells", (aspect, value or "none", *place, HELD), "customers"] += 1
    return found


days = st.integers(0, 500).map(lambda number: (date(2025, 1, 1) + timedelta(days=number)).isoformat())
reasons = st.sampled_from(["port_out", "customer_request", "arrears", "fraud"])
month_names = st.integers(0, 3).map(lambda number: f"20{25 + number // 12}-{number % 12 + 1:02d}")
documents = st.dictionaries(st.sampled_from(["usage_days", "paid_minor", "payments", "top_ups", "complaints_network", "distinct_contacts"]), st.integers(1, 9))


@st.composite
def holdings(draw: st.DrawFn) -> list[Document]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        since, until = sorted([draw(days), draw(days)])
        kind = {"brand": draw(st.sampled_from(["gotone", "m-zone", None])), "payment_type": draw(st.sampled_from(["prepaid", "postpaid"]))}
        ends = draw(st.booleans()) and until > since
        found.append(subscription(number, since=since, until=until if ends else None, reason=draw(reasons), **kind))
    return found


profiles = st.fixed_dictionaries({"subscriptions": holdings()}, optional={"region": st.sampled_from(["east", "west"]), "acquisition_channel": st.just("shop")})
standings = st.builds(
    standing,
    tier=st.sampled_from([None, "gold"]), grade=st.sampled_from([None, None, "2A"]), churn_cause=st.sampled_from(["none", "silent"]),
    status_group=st.sampled_from(["stable", "warning"]), value_minor=st.integers(-5, 5), revenue_at_risk_minor=st.integers(0, 5), owed_minor=st.integers(0, 2),
)  # fmt: skip
messages = st.one_of(
    st.fixed_dictionaries({"months": st.dictionaries(month_names, documents, max_size=2)}),
    st.fixed_dictionaries({"profile": profiles}),
    st.fixed_dictionaries({"resets": st.just(True), "months": st.dictionaries(month_names, documents, max_size=4), "profile": profiles}),
    st.just({"resets": True, "merged_into": "C-9"}),
    st.just({"resets": True, "erased": True}),
)  # fmt: skip
steps = st.lists(st.tuples(st.sampled_from(["C-1", "C-2", "C-3"]), messages, standings | st.none(), st.sampled_from([None, "loyal", "lost"])), max_size=12)


@given(st.lists(steps, max_size=4))
@examples(max_examples=120, deadline=None)
def test_the_cubes_are_what_a_plain_count_finds_after_any_changes(batches: list[list[Any]]) -> None:
    """S16: months added and replaced, subscriptions, places changed, customers merged, erased and told anew, batch by batch."""
    held = {name: Features(name) for name in ("C-1", "C-2", "C-3")}
    stands: dict[str, tuple[Document | None, str | None]] = dict.fromkeys(held, (None, None))
    cubes, expected = Cells(), Cells()
    for batch in batches:
        before = {name: snapshot_of(held[name], *stands[name]) for name in held}
        for name, message, one, segment in batch:
            tell(held[name], **message)
            stands[name] = one, segment
        cubes.update(changed(*((before[name], snapshot_of(held[name], *stands[name])) for name in held)))
    for name, features in held.items():
        expected.update(plain_count(features, *stands[name]))
    in_force = {key: value for key, value in cubes.items() if key[1][-1] == HELD}
    assert {key: value for key, value in in_force.items() if value} == {key: value for key, value in expected.items() if value}


@given(holdings())
@examples(max_examples=200, deadline=None)
def test_who_was_there_follows_from_who_came_and_left(held: list[Document]) -> None:
    """S16: now less what came since plus what left since is, at each month's end, who a look at every subscription finds."""
    features = Features("C-1")
    tell(features, profile={"subscriptions": held})
    flows = Counter(flows_of(features.subscriptions))
    for month in months_between("2024-12", "2026-07"):
        day = f"{month}-31"
        there = [one for one in features.subscriptions if one["activated_on"] <= day < (one["terminated_on"] or "9999")]
        since = Counter[str]()
        for (other, name), count in flows.items():
            since[name] += count if other > month else 0
        assert len(features.live) - since["activations"] + since["terminations"] == len(there)
        assert bool(features.live) - since["customers_gained"] + since["customers_lost"] == bool(there)


def test_a_swap_on_one_day_is_no_customer_lost() -> None:
    """S16: a new plan by a new subscription ends one and begins one; the customer stays. Two gaps are two losses, each for its own reason."""
    swapped = [subscription(1, since="2025-01-05", until="2025-03-10", reason="customer_request"), subscription(2, since="2025-03-10")]
    left = [
        subscription(1, since="2025-01-05", until="2025-03-10", reason="arrears"),
        subscription(2, since="2025-05-01", until="2025-06-30", reason="port_out"),
    ]
    features = Features("C-1")
    tell(features, profile={"subscriptions": swapped})
    assert Counter(flows_of(features.subscriptions)) == {
        ("2025-01", "activations"): 1, ("2025-01", "customers_gained"): 1, ("2025-03", "terminations"): 1, ("2025-03", "activations"): 1,
    }  # fmt: skip
    tell(features, profile={"subscriptions": left})
    assert Counter(flows_of(features.subscriptions)) == {
        ("2025-01", "activations"): 1, ("2025-01", "customers_gained"): 1,
        ("2025-03", "terminations"): 1, ("2025-03", "involuntary_terminations"): 1, ("2025-03", "customers_lost"): 1,
        ("2025-03", "customers_lost_involuntarily"): 1,
        ("2025-05", "activations"): 1, ("2025-05", "customers_gained"): 1,
        ("2025-06", "terminations"): 1, ("2025-06", "port_outs"): 1, ("2025-06", "customers_lost"): 1, ("2025-06", "customers_ported_out"): 1,
    }  # fmt: skip


def test_who_left_is_counted_where_they_left_from() -> None:
    """S16: otherwise the churn of every brand would be nought, and that of no brand 100 %."""
    features = Features("C-1")
    ended = subscription(1, since="2025-01-05", until="2025-03-10", reason="port_out", brand="m-zone", payment_type="prepaid")
    tell(features, profile={"subscriptions": [ended], "region": "east", "acquisition_channel": "online"})
    found = snapshot_of(features, standing(tier="gold", status_group="off_net", owed_minor=40, value_minor=900, grade="3A"), None)
    assert found is not None
    assert found.place == ("m-zone", "east", "gold", "online", "prepaid", "yes")
    assert found.stock == ("none", (0, 0, 0, 0, 0, 0, 40))
    assert found.aspects == ("off_net", "mature", "other", "none", "3A")


def told_months(features: Features, cubes: Cells, numbers: range, **data: Any) -> None:
    months = {f"20{20 + number // 12}-{number % 12 + 1:02d}": {"paid_minor": 10**number} for number in numbers}
    before = snapshot_of(features, standing(), None)
    tell(features, months=months, **data)
    cubes.update(changed((before, snapshot_of(features, standing(), None))))


def paid(cubes: Cells, part: str) -> int:
    return sum(value for (cube, cell, name), value in cubes.items() if name == "paid_minor" and cell[-1] == part)


def test_months_that_fall_out_of_what_is_kept_stay_counted() -> None:
    """S16: 18 months told one by one: 13 are held, five settled, nothing is lost; told all over again changes nothing."""
    features, cubes = Features("C-1"), Cells()
    for number in range(18):
        told_months(features, cubes, range(number, number + 1))
    assert paid(cubes, HELD) == sum(10**number for number in range(18 - MONTHS_KEPT, 18))
    assert paid(cubes, SETTLED) == sum(10**number for number in range(18 - MONTHS_KEPT))
    told_months(features, cubes, range(18), resets=True, restated=True)
    assert (paid(cubes, HELD), paid(cubes, SETTLED)) == (int("1" * 13 + "0" * 5), 11111)


def test_a_month_that_comes_back_is_not_counted_twice() -> None:
    """S16: an un-merge takes the newest month away, and an older one moves up again."""
    features, cubes = Features("C-1"), Cells()
    for number in range(14):
        told_months(features, cubes, range(number, number + 1))
    assert paid(cubes, SETTLED) == 1
    told_months(features, cubes, range(13), resets=True, restated=True)
    assert (paid(cubes, HELD), paid(cubes, SETTLED)) == (int("1" * 13), 0)


def test_a_recount_counts_into_a_part_of_its_own() -> None:
    """S16: and settles nothing, as it can not see what fell out."""
    features = Features("C-1")
    tell(features, months={"2025-01": {"paid_minor": 5}})
    before = snapshot_of(features, standing(), None)
    tell(features, resets=True, months={f"2026-{number:02d}": {} for number in range(1, 13)} | {"2027-01": {}})
    found = changed((None, before), (before, snapshot_of(features, standing(), None)), part=COUNTING)
    assert {cell[-1] for _, cell, _ in found} == {COUNTING}
    assert paid(found, COUNTING) == 0


def test_a_month_told_again_counts_what_it_is_now() -> None:
    """S16: only that month, and only what is other in it."""
    features = Features("C-1")
    tell(features, months={"2025-01": {"paid_minor": 5, "payments": 1}, "2025-02": {"paid_minor": 9}})
    before = snapshot_of(features, standing(), None)
    tell(features, months={"2025-01": {"paid_minor": 8, "payments": 1}})
    found = changed((before, snapshot_of(features, standing(), None)))
    assert [(cell[0], name, value) for (_, cell, name), value in found.items()] == [("2025-01", "paid_minor", 3)]


def test_no_change_costs_no_row() -> None:
    """S16: a document of equal numbers replaced by another is no change either."""
    features = Features("C-1")
    tell(features, months={"2025-01": {"paid_minor": 5}}, profile={"subscriptions": [subscription(1, since="2025-01-05")]})
    before = snapshot_of(features, standing(), "loyal")
    tell(features, months={"2025-01": {"paid_minor": 5}}, profile={"subscriptions": [subscription(1, since="2025-01-05")]})
    assert not changed((before, snapshot_of(features, standing(), "loyal")))


def test_every_measure_kept_for_analysis_is_used_and_comes_in() -> None:
    """S16: no column without a subject, no formula without its inputs."""
    used = {name for subject in SUBJECTS.values() for name in subject.inputs}
    assert used <= INPUTS
    assert set(MEASURED) <= used
    assert set(MEASURED) - {"active_customers"} <= MEASURES_KEPT
    assert tuple(SUBJECTS) == SUBJECT_NAMES
    for subject in SUBJECTS.values():
        names = [measure.name for measure in subject.measures]
        assert len(names) == len(set(names)) and not {"period", "months", *DIMENSIONS} & set(names)


# Two months of one group; 4 came and 10 left in the second, nobody since: 106, then 100, are there.
FIRST: dict[str, int] = {
    "active_customers": 90, "billed_minor": 500_000, "topped_up_minor": 30_000, "paid_minor": 400_000, "reversed_minor": 5_000, "overage_minor": 20_000,
    "out_on_net_seconds": 36_000, "out_off_net_seconds": 12_000, "in_on_net_seconds": 6_000, "in_off_net_seconds": 18_000, "data_4g_kb": 2_000_000,
    "sms_out": 7,
    "complaints_network": 3, "complaints_billing": 1, "complaints_resolved": 2, "dropped_calls": 53, "csat_sum": 13, "csat_answers": 4,
    "nps_sum": 17, "nps_answers": 2, "retention_contacts": 8, "retention_saves": 2, "retention_calls": 5, "retention_offers_accepted": 1,
    "products_added": 9, "products_removed": 4, "forwardings_off_net": 6, "port_outs_requested": 3,
}  # fmt: skip
SECOND: dict[str, int] = {
    "active_customers": 80, "billed_minor": 400_000, "topped_up_minor": 100_000, "paid_minor": 410_000, "out_off_net_seconds": 24_000, "data_5g_kb": 6_000_000,
    "complaints_network": 6, "csat_sum": 2, "csat_answers": 1, "retention_contacts": 12, "retention_saves": 6, "agent_contacts": 11, "points_redeemed": 300,
    "written_off_minor": 1_234, "roaming_days": 5, "network_faults": 2, "plan_changes": 3,
}  # fmt: skip
LEFT = {
    "activations": 5, "terminations": 12, "port_outs": 7, "involuntary_terminations": 3,
    "customers_gained": 4, "customers_lost": 10, "customers_ported_out": 6, "customers_lost_involuntarily": 2,
}  # fmt: skip
NOW = {"customers": 100, "live_subscriptions": 130}
AT_END = {
    "customers": 99, "live_subscriptions": 128, "at_risk": 9, "value_minor": 700, "future_value_minor": 4_000, "revenue_at_risk_minor": 500, "owed_minor": 60,
    "customers_platinum": 4, "customers_gold": 15, "customers_iron": 30, "customers_lead": 50,
}  # fmt: skip


def sums(**months: dict[str, int]) -> Sums:
    """Of one group, by `m` and the month."""
    names = tuple(sorted({name for document in months.values() for name in document}))
    return Sums(names, [(f"2026-{month[1:]}", "gotone", *(document.get(name, 0) for name in names)) for month, document in months.items()])


FOUND = Found(measured=sums(m03=dict.fromkeys(MEASURED, 0) | FIRST, m04=SECOND), flows=sums(m04=LEFT), now=sums(m11=NOW), recorded=sums(m04=AT_END))

# Customer months: 106 of the first month, (106 + 100) / 2 = 103 of the second: 209.
BY_HAND: dict[str, dict[str, float | None]] = {
    "user": {
        "customers": 100, "subscriptions": 130, "activations": 5, "terminations": 12, "involuntary_terminations": 3, "customers_gained": 4,
        "customers_lost": 10, "net_adds": -6, "churn_rate": 0.09434, "voluntary_churn_rate": 0.075472, "subscription_churn_rate": 0.087591,
        "active_customers": 170, "active_share": 0.813397,
    },
    "business": {
        "out_on_net_minutes": 600, "out_off_net_minutes": 600, "out_fixed_minutes": 0, "out_international_minutes": 0, "out_premium_minutes": 0,
        "in_on_net_minutes": 100, "in_off_net_minutes": 300, "in_fixed_minutes": 0, "in_international_minutes": 0, "in_premium_minutes": 0,
        "minutes_per_customer": 7.655502, "sms_out": 7, "data_2g_gb": 0, "data_3g_gb": 0, "data_4g_gb": 2, "data_5g_gb": 6, "data_gb_per_customer": 0.038278,
        "roaming_days": 5,
    },
    "revenue": {
        "revenue_minor": 1_030_000, "arpu_minor": 4928.229665, "billed_minor": 900_000, "topped_up_minor": 130_000, "paid_minor": 810_000,
        "reversed_minor": 5_000, "received_minor": 935_000, "overage_minor": 20_000, "roaming_billed_minor": 0, "written_off_minor": 1_234,
        "collected_share": 0.9, "overage_share": 0.022222, "bills": 0, "payments": 0, "top_ups": 0, "suspensions": 0,
    },
    "key_account": {
        "customers": 100, "net_adds": -6, "customers_lost": 10, "churn_rate": 0.09434, "voluntary_churn_rate": 0.075472, "revenue_minor": 1_030_000,
        "arpu_minor": 4928.229665, "value_minor": 700, "at_risk": 9, "revenue_at_risk_minor": 500, "complaints": 10, "complaints_per_thousand": 47.84689,
        "agent_contacts": 11, "retention_contacts": 20, "retention_saves": 8, "save_rate": 0.4,
    },
    "marketing": {
        "retention_contacts": 20, "retention_saves": 8, "save_rate": 0.4, "agent_contacts": 11, "retention_calls": 5, "retention_offers_accepted": 1,
        "offer_acceptance_rate": 0.2, "retention_contacts_per_thousand": 95.69378, "contracts_renewed": 0, "points_redeemed": 300,
    },
    "competition": {
        "port_outs": 7, "customers_ported_out": 6, "port_out_rate": 0.056604, "port_out_share": 0.6, "port_outs_requested": 3, "inquiries_port_out_pin": 0,
        "inquiries_contract_end": 0, "forwardings_off_net": 6, "off_net_share": 0.5, "incoming_off_net_share": 0.75,
    },
    "service_quality": {
        "complaints": 10, "complaints_per_thousand": 47.84689, "complaints_network": 9, "complaints_billing": 1, "complaints_service": 0,
        "complaints_product": 0,
        "complaints_other": 0, "complaints_overdue": 0, "complaints_resolved": 2, "resolved_share": 0.2, "dropped_calls": 53, "access_failures": 0,
        "network_faults": 2, "care_calls": 0, "inquiries_bill_detail": 0, "dropped_calls_per_thousand": 253.588517, "csat_mean": 3, "csat_answers": 5,
        "recommendation_mean": 8.5, "nps_answers": 2,
    },
    "new_service": {
        "products_added": 9, "products_removed": 4, "products_net": 5, "products_added_per_thousand": 43.062201, "plan_changes": 3, "brand_changes": 0,
        "inquiries_tariff": 0, "data_4g_share": 0.25, "data_5g_share": 0.75,
    },
    "decision": {
        "customers": 100, "net_adds": -6, "churn_rate": 0.09434, "voluntary_churn_rate": 0.075472, "revenue_minor": 1_030_000, "arpu_minor": 4928.229665,
        "customers_platinum": 4, "customers_gold": 15, "customers_iron": 30, "customers_lead": 50, "at_risk": 9, "revenue_at_risk_minor": 500,
        "revenue_at_risk_share": 0.125, "owed_minor": 60, "retention_saves": 8, "save_rate": 0.4, "port_outs": 7, "complaints_per_thousand": 47.84689,
        "recommendation_mean": 8.5,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SUBJECT_NAMES)
def test_each_subject_is_what_was_worked_out_by_hand(name: Any) -> None:
    """S16: over both months together: rates are those of the sums, and would be others as means of the two months."""
    (row,) = rows(SUBJECTS[name], ["2026-03", "2026-04"], "year", ("brand",), FOUND)
    assert row == {"period": "2026", "months": 2, "brand": "gotone"} | BY_HAND[name]


def test_month_by_month_the_ends_meet() -> None:
    """S16: who is there at the end of a month is there at the beginning of the next; what was never recorded is null, not nought."""
    first, second = rows(SUBJECTS["decision"], ["2026-03", "2026-04"], "month", ("brand",), FOUND)
    assert [first["customers"], second["customers"], first["churn_rate"], second["churn_rate"]] == [106, 100, 0, 0.09434]
    assert [first["revenue_at_risk_minor"], first["revenue_at_risk_share"], second["revenue_at_risk_minor"]] == [None, None, 500]
    assert [first["save_rate"], second["save_rate"]] == [0.25, 0.5]


def test_what_was_recorded_is_of_its_own_period() -> None:
    """S16: of a year its newest month that has a record, and none of another year's; who is not in that record had nothing."""
    found = FOUND._replace(recorded=Sums(("at_risk",), [("2025-11", "gotone", 3), ("2025-12", "gotone", 4), ("2025-11", "m-zone", 5)]))
    at_risk = next(one for one in SUBJECTS["decision"].measures if one.name == "at_risk")
    subject = SUBJECTS["decision"]._replace(measures=(at_risk,))
    years = rows(subject, months_between("2024-12", "2026-01"), "year", ("brand",), found)
    assert [(row["brand"], row["period"], row["at_risk"]) for row in years] == [
        ("gotone", "2024", None), ("gotone", "2025", 4), ("gotone", "2026", None), ("m-zone", "2024", None), ("m-zone", "2025", 0), ("m-zone", "2026", None)
    ]  # fmt: skip


def test_nothing_to_divide_by_is_null() -> None:
    """S16: a group of whom there is nothing yet has sums of nought and no rates."""
    nothing = Sums(("customers", "live_subscriptions"), [("2026-04", 0, 0)])
    (row,) = rows(SUBJECTS["revenue"], ["2026-03"], "month", (), Found(Sums(MEASURED, ()), Sums(FLOWS, ()), nothing, Sums((), ())))
    assert (row["billed_minor"], row["arpu_minor"], row["collected_share"]) == (0, None, None)


def test_periods_are_named_by_their_grain() -> None:
    """S16: months, quarters and years."""
    assert months_between("2025-11", "2026-02") == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert months_between("2026-02", "2026-01") == []
    assert [period_of(month, "quarter") for month in ("2026-01", "2026-03", "2026-04", "2026-12")] == ["2026-Q1", "2026-Q1", "2026-Q2", "2026-Q4"]
    assert [period_of("2026-03", "month"), period_of("2026-03", "year")] == ["2026-03", "2026"]


def test_the_formula_that_is_told_is_the_one_that_is_calculated() -> None:
    """S16: its text, evaluated, gives what the measure gives."""
    for subject in SUBJECTS.values():
        for measure in subject.measures:
            inputs = {name: float(index + 2) for index, name in enumerate(sorted(measure.inputs))}
            found = measure.of({name: np.ma.asarray([[value]]) for name, value in inputs.items()})
            assert found[0, 0] == pytest.approx(eval(measure.formula, {}, inputs), rel=1e-5, abs=1e-5), measure.formula


COLUMNS = [Column("period", "text"), Column("region", "text"), Column("customers", "whole"), Column("churn_rate", "number")]
ROWS = [
    {"period": "2026-03", "region": "=cmd|' /C calc'!A0", "customers": 2**60, "churn_rate": None},
    {"period": "2026-03", "region": 'ning"bo, old\ntown', "customers": -3, "churn_rate": 0.25},
]


def test_a_csv_file_says_what_the_rows_say() -> None:
    """S16: quoted where it has to be, and no text that a spreadsheet takes for a formula."""
    read = list(csv.DictReader(io.StringIO(csv_of(COLUMNS, ROWS).decode(), newline="")))
    assert [one["region"] for one in read] == ["'=cmd|' /C calc'!A0", 'ning"bo, old\ntown']
    assert [(one["customers"], one["churn_rate"]) for one in read] == [(str(2**60), ""), ("-3", "0.25")]


def test_a_parquet_file_has_the_same_schema_whatever_the_values() -> None:
    """S16: also when no row has any."""
    table = pq.read_table(io.BytesIO(parquet_of(COLUMNS, ROWS)))
    assert table.to_pylist() == ROWS
    empty = pq.read_table(io.BytesIO(parquet_of(COLUMNS, [])))
    assert empty.schema.types == table.schema.types == [pa.string(), pa.string(), pa.int64(), pa.float64()]
