"""S8: what is a pattern, and when it is raised again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.features import Features
from services.segmentation.parameters import BUILT_IN
from services.segmentation.patterns import is_open, watch
from services.segmentation.patterns.finding import Alert
from services.segmentation.patterns.usage import usage_change
from tests.segmentation.activity import Document, as_fact, asked_for_pin, asked_to_leave, days_ago, used

NOW = days_ago(0)


def months(**seconds_per_day: tuple[int, int]) -> dict[str, dict[str, int]]:
    """Month -> covered days, outgoing seconds a day; `m09` is September."""
    return {f"2026-{name[1:]}": {"usage_days": days, "out_off_net_seconds": days * seconds} for name, (days, seconds) in seconds_per_day.items()}


def raised(features: Features, *facts: Document, months_moved: bool = True, now: datetime = NOW) -> list[Alert]:
    return watch(features, [as_fact(one) for one in facts], now=now, months_moved=months_moved)


def customer(*, usage: dict[str, Any] | None = None) -> Features:
    return Features("C-1", months=usage or {})


STEADY = {"m06": (30, 300), "m07": (31, 300), "m08": (31, 300)}


@pytest.mark.parametrize(
    ("newest", "severity"),
    [((30, 151), None), ((30, 150), "warning"), ((30, 61), "warning"), ((30, 60), "urgent"), ((30, 0), "urgent"), ((7, 100), "warning"), ((6, 0), None)],
)
def test_usage_fall_thresholds(newest: tuple[int, int], severity: str | None) -> None:
    """S8: half gone is a warning, four fifths is urgent; fewer than seven days tell nothing."""
    alerts = raised(customer(usage=months(**STEADY, m09=newest)), used(at=days_ago(1)))
    assert [one.finding.severity for one in alerts] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("history", "judged"),
    [
        ({"m06": (15, 60), "m07": (15, 60), "m08": (15, 60)}, True),
        ({"m06": (15, 60), "m07": (15, 60), "m08": (14, 60)}, False),
        ({"m06": (30, 59), "m07": (30, 60), "m08": (30, 60)}, False),
        ({"m05": (31, 300), "m07": (15, 300), "m08": (15, 300)}, False),
        ({"m08": (45, 300)}, True),
    ],
)
def test_a_baseline_needs_days_and_something_to_fall_from(history: dict[str, tuple[int, int]], judged: bool) -> None:
    """S8: 45 covered days in the three months before, and a minute a day."""
    assert (usage_change(months(**history, m09=(30, 10))) is not None) is judged


@given(st.lists(st.tuples(st.integers(0, 62), st.integers(0, 10_000)), min_size=4, max_size=4))
def test_usage_change_compares_rates(rates: list[tuple[int, int]]) -> None:
    """S8: seconds a covered day, so months with gaps compare."""
    names = ("m06", "m07", "m08", "m09")
    change = usage_change(months(**dict(zip(names, rates, strict=True))))
    if change and change.month == "2026-09":
        days = sum(days for days, _ in rates[:3])
        baseline = sum(days * seconds for days, seconds in rates[:3]) / days
        assert change.percent == pytest.approx(100 * rates[3][1] / baseline)
        assert baseline >= BUILT_IN.parameters.patterns.baseline_seconds_per_day
        assert days >= BUILT_IN.parameters.patterns.baseline_days


def test_usage_fall_evidence() -> None:
    """S8: in words and in figures, with the parameters that made it."""
    (alert,) = raised(customer(usage=months(**STEADY, m09=(30, 87))), used(at=days_ago(2), id="older"), used(at=days_ago(1), id="e-9"))
    assert alert.alert_id == "usage_fall:C-1:e-9"
    assert alert.finding.reason == "Usage fell by 71 % against the 3 months before"
    assert alert.finding.evidence == {"month": "2026-09", "seconds_per_day": 87.0, "baseline_seconds_per_day": 300.0}


def test_usage_fall_is_armed_again_when_usage_is_back() -> None:
    """S8: within its cool-down, above 80 % of the baseline and not at it."""
    features = customer(usage=months(**STEADY, m09=(30, 60)))
    assert raised(features, used(at=days_ago(20)))
    assert not raised(features, used(at=days_ago(19)))
    features.months |= months(m09=(30, 240))
    assert not raised(features, used(at=days_ago(18)))
    assert "usage_fall" in features.alerted
    features.months |= months(m09=(30, 241))
    assert not raised(features, used(at=days_ago(17)))
    assert "usage_fall" not in features.alerted
    features.months |= months(m09=(30, 60))
    assert raised(features, used(at=days_ago(16)))


def test_late_facts_do_not_judge_usage() -> None:
    """S8: their months are not applied; a summary that died has nothing to compare."""
    assert not raised(customer(usage=months(**STEADY, m09=(30, 0))), used(at=days_ago(1)), months_moved=False)


@pytest.mark.parametrize(("activations", "in_month", "severity"), [(0, 5, None), (1, 1, "warning"), (2, 2, "warning"), (1, 3, "urgent"), (3, 0, "urgent")])
def test_forwarding_to_another_operator(activations: int, in_month: int, severity: str | None) -> None:
    """S8: once is a warning, three times in a month is urgent."""
    at = days_ago(1)
    features = customer(usage={f"{at - timedelta(days=7):%Y-%m}": {"forwardings_off_net": in_month}})
    assert [one.finding.severity for one in raised(features, used(at=at, forwardings=activations))] == ([severity] if severity else [])


def test_forwarding_on_net_is_no_pattern() -> None:
    """S8: to a number of ours."""
    document = used(at=days_ago(1), forwardings=4)
    document["data"]["forwarding"][0]["on_net"] = True
    assert not raised(customer(), document)


def test_asking_for_the_pin_or_the_port_is_urgent() -> None:
    """S8: either is a port-out inquiry; whoever does both is warned about once."""
    (alert,) = raised(customer(), asked_for_pin(at=days_ago(2), id="e-1"), asked_to_leave(at=days_ago(1)))
    assert (alert.finding.kind, alert.finding.severity, alert.alert_id) == ("port_out_inquiry", "urgent", "port_out_inquiry:C-1:e-1")
    (other,) = raised(customer(), asked_to_leave(at=days_ago(1)))
    assert (other.finding.reason, other.finding.evidence["operator"]) == ("Asked to take the number to rival", "rival")
    assert not raised(customer(), asked_for_pin(at=days_ago(1)) | {"data": {"kind": "tariff", "channel": "app"}})


def test_cool_down_is_counted_in_event_time() -> None:
    """S8: raised once in 30 days, however late and in whatever order the facts come."""
    features, start = customer(), days_ago(0)
    now = start + timedelta(days=31)
    assert raised(features, asked_for_pin(at=start), now=now)
    assert not raised(features, asked_for_pin(at=start + timedelta(days=30) - timedelta(seconds=1)), now=now)
    assert not raised(features, asked_for_pin(at=start - timedelta(days=3)), now=now)
    assert raised(features, used(at=start, forwardings=1), now=now), "each kind has its own"
    assert raised(features, asked_for_pin(at=start + timedelta(days=30)), now=now)


def test_old_facts_raise_nothing() -> None:
    """S8: a warning about last year helps nobody, and does not use up the one to come."""
    features = customer()
    assert not raised(features, asked_for_pin(at=NOW - timedelta(days=35, seconds=1)))
    assert raised(features, asked_for_pin(at=NOW - timedelta(days=35)))


def test_an_alert_is_open_until_it_is_armed_again() -> None:
    features = customer()
    raised(features, asked_for_pin(at=NOW))
    (alerted,) = features.alerted.values()
    assert is_open(alerted, now=NOW + timedelta(days=29))
    assert not is_open(alerted, now=NOW + timedelta(days=30))


def test_alert_ids_stay_short() -> None:
    """S8: an id has 128 characters at most, and stays the same for the same fact."""
    first, second = (raised(Features("C" * 128), asked_for_pin(at=NOW, id="e" * 128))[0].alert_id for _ in range(2))
    assert first == second
    assert len(first) <= 128
    assert first.startswith("port_out_inquiry:")
