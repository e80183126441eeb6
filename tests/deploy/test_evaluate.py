"""S8, S9: warnings are matched with the truth as docs/patterns.md says, on truth and warnings made by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from deploy.demo import population
from deploy.demo.behaviour import CONTRACT_DAYS, events_of
from deploy.demo.course import course_of
from deploy.demo.events import Event, event, midnight, report
from deploy.evaluate import report as tables
from deploy.evaluate.complaints import Overdue, overdue
from deploy.evaluate.figures import figures, of_causes, raised
from deploy.evaluate.lockstep import running
from deploy.evaluate.metrics import Episode, Figures, Raised, Share, Window, measure
from deploy.evaluate.run import Plan
from deploy.evaluate.truth import ANY, LEAVERS, Truth, people_of
from services.customer.cases import Case, CaseFact, cases_of
from shared import clock
from shared.contracts.registry import PAYLOADS
from shared.outbox import event_message
from shared.settings import Settings

WINDOW = Window(date(2025, 3, 1), date(2025, 4, 30))
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    """Whatever a test sets the clock to."""
    before = list(clock._scales)
    yield
    clock._scales[:] = before


def on(month: int, day: int) -> date:
    return date(2025, month, day)


def measured(warnings: list[Raised], episodes: list[Episode], **extra: Any) -> Figures:
    return measure("usage_fall", warnings, episodes, window=WINDOW, **{"at_risk_days": 6000, "left": {}} | extra)


def line(customer_id: str = "C-1", *, cause: str = "price", drifts: tuple[tuple[date, date, str], ...] = (), **fields: Any) -> dict[str, Any]:
    """As deploy/demo/truth.py writes it. `drifts`: began, ended, how."""
    told = [{"began": began, "would_leave": ended if how == "left" else None, "ended": ended, "how": how} for began, ended, how in drifts]
    left = drifts[-1][1] if drifts and drifts[-1][2] == "left" else None
    plain = {
        "customer_id": customer_id, "cause": cause, "joined": datetime(2024, 1, 1, tzinfo=UTC), "former_customer_id": None, "registered_twice_as": None,
        "household": None, "cug": None, "contract_ends": None, "fraud_on": None, "left": left, "drifts": told,
    }  # fmt: skip
    return plain | fields


def truth(*lines: Mapping[str, Any], complaints: tuple[Overdue, ...] = ()) -> Truth:
    return Truth.of(lines, complaints, WINDOW)


def alert(kind: str, customer_id: str, day: date, **evidence: Any) -> dict[str, Any]:
    return {"kind": kind, "customer_id": customer_id, "raised_at": midnight(day) + timedelta(hours=9), "evidence": evidence}


# Matching


def test_a_warning_is_true_from_the_first_day_of_an_episode_to_its_last() -> None:
    episode = Episode("a", on(3, 10), in_time=on(3, 20), true_until=on(3, 25))
    days = (on(3, 9), on(3, 10), on(3, 25), on(3, 26))
    assert [measured([Raised("a", day)], [episode]).precision for day in days] == [Share(0, 1), Share(1, 1), Share(1, 1), Share(0, 1)]
    assert measured([Raised("b", on(3, 15))], [episode]).precision == Share(0, 1), "of somebody else"


def test_an_episode_is_found_by_a_warning_in_time_also_by_one_before_the_window() -> None:
    episode = Episode("a", on(2, 10), in_time=on(3, 20), true_until=on(3, 25))
    days = (on(2, 9), on(2, 10), on(3, 20), on(3, 21))
    assert [measured([Raised("a", day)], [episode]).recall.hits for day in days] == [0, 1, 1, 0]
    assert measured([Raised("a", on(2, 12))], [episode]).warnings == 0


def test_only_episodes_whose_time_ends_in_the_window_have_to_be_found() -> None:
    before, after = (Episode("a", on(2, 1), ends, ends) for ends in (on(2, 28), on(4, 30)))
    assert measured([], [before, after]).recall == Share(0, 0)
    assert measured([], [after._replace(in_time=on(4, 29))]).recall == Share(0, 1)


def test_lead_times_are_medians_of_first_warnings() -> None:
    episodes = [Episode(who, on(3, 1), in_time=on(3, 30), true_until=on(3, 31), left=left) for who, left in (("a", on(3, 31)), ("b", on(3, 31)), ("c", None))]
    warnings = [Raised("a", on(3, 5)), Raised("a", on(3, 20)), Raised("b", on(3, 9)), Raised("c", on(3, 30))]
    found = measured(warnings, episodes)
    assert (found.days_after_it_began, found.days_before_they_left) == (8, (26 + 22) / 2)


def test_false_alarms_are_counted_per_1000_customers_and_month() -> None:
    warnings = [Raised("a", on(3, 2)), Raised("b", on(3, 2)), Raised("c", on(3, 15))]
    found = measured(warnings, [Episode("c", on(3, 10), on(3, 20), on(3, 20))], at_risk_days=100 * 365)
    assert found.false_per_1000_months == pytest.approx(2 / (100 * 12) * 1000)
    assert found.chance == pytest.approx(11 / 36_500), "eleven days of one of them"


def test_who_leaves_within_sixty_days_is_told_beside() -> None:
    warnings = [Raised("a", on(3, 2)), Raised("b", on(3, 2)), Raised("c", on(3, 2))]
    assert measured(warnings, [], left={"a": [on(3, 2) + 60 * DAY], "b": [on(3, 2) + 61 * DAY]}).leaves == Share(1, 3)


def test_nothing_warned_of_and_nothing_to_find_is_no_figure() -> None:
    found = measured([], [])
    assert (found.precision.value, found.recall.bounds, found.days_after_it_began) == (None, None, None)
    assert "| usage_fall | 0 | - |" in tables.table([found])


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_bounds_are_wilsons(counted: tuple[int, int]) -> None:
    """Beside another library's."""
    hits, of = counted
    low, high = Share(hits, of).bounds or (0, 0)
    expected = binomtest(hits, of).proportion_ci(confidence_level=0.95, method="wilson")
    assert (low, high) == (pytest.approx(expected.low, abs=1e-6), pytest.approx(expected.high, abs=1e-6))


def test_a_window_ends_before_its_end() -> None:
    assert (WINDOW.holds(on(3, 1)), WINDOW.holds(on(4, 29)), WINDOW.holds(on(4, 30))) == (True, True, False)
    assert WINDOW.overlap_days(on(2, 1), on(3, 1)) == 1
    assert WINDOW.overlap_days(on(4, 29), on(6, 1)) == 1
    assert WINDOW.overlap_days(on(1, 1), on(12, 31)) == 60


# Truth


def test_a_person_is_one_however_often_registered() -> None:
    """Registered twice, and back again twice."""
    lines = [
        line("C-1", registered_twice_as="C-1-2"),
        line("C-7", former_customer_id="C-1"),
        line("C-9", former_customer_id="C-7", registered_twice_as="C-9-2"),
        line("C-8"),
    ]
    assert people_of(lines) == {"C-1": "C-1", "C-1-2": "C-1", "C-7": "C-1", "C-9": "C-1", "C-9-2": "C-1", "C-8": "C-8"}


def test_a_drift_is_warned_of_in_time_before_they_leave_and_not_falsely_while_they_recover() -> None:
    left = truth(line(drifts=((on(3, 1), on(3, 31), "left"),))).episodes("usage_fall")
    assert left == [Episode("C-1", on(3, 1), in_time=on(3, 30), true_until=on(3, 31), left=on(3, 31))]
    stays = truth(line(drifts=((on(3, 1), on(3, 31), "recovered"),))).episodes("usage_fall")
    assert stays == [Episode("C-1", on(3, 1), in_time=on(3, 31), true_until=on(4, 14))]


@pytest.mark.parametrize(
    ("kind", "causes"),
    [
        ("forwarding_off_net", {"rival_offer"}),
        ("multi_sim", {"multi_sim"}),
        ("arrears", {"arrears"}),
        ("port_out_inquiry", {"price", "rival_offer", "bad_coverage", "employer_paid", "none"}),
        (LEAVERS, {cause for cause in population.Cause if cause != "arrears"}),
        (ANY, set(population.Cause)),
        ("peer_churn", set(population.Cause)),
        ("silent", set()),
    ],
)
def test_each_kind_is_measured_by_the_drifts_it_should_tell_of(kind: str, causes: set[str]) -> None:
    lines = [line(cause, cause=cause, drifts=((on(3, 1), on(3, 31), "left"),)) for cause in population.Cause]
    assert {episode.who for episode in truth(*lines).episodes(kind)} == causes


def test_who_only_asked_for_the_pin_did_not_leave() -> None:
    stays = line(cause="rival_offer", drifts=((on(3, 1), on(3, 31), "recovered"),))
    assert truth(stays).episodes("port_out_inquiry") == truth(stays).episodes(LEAVERS) == []


def test_an_employer_moves_when_two_drift_from_one_day_on() -> None:
    moves = [line(who, cause="employer_paid", cug="CUG-1", drifts=((on(3, 1), ended, how),)) for who, ended, how in (
        ("a", on(4, 2), "left"), ("b", on(3, 31), "left"), ("c", on(4, 4), "recovered"),
    )]  # fmt: skip
    alone = line("d", cause="employer_paid", cug="CUG-2", drifts=((on(3, 1), on(4, 2), "left"),))
    other = line("e", cause="price", cug="CUG-1", drifts=((on(3, 5), on(3, 9), "left"),))
    assert truth(*moves, alone, other).episodes("group_churn") == [Episode("cug:CUG-1", on(3, 1), in_time=on(3, 30), true_until=on(4, 18), left=on(3, 31))]


def test_fraud_may_be_told_two_days_later() -> None:
    days = [on(3, 3) + nth * DAY for nth in range(7)]
    assert truth(line(fraud_on=days)).episodes("fraud") == [Episode("C-1", on(3, 3), in_time=on(3, 9), true_until=on(3, 11))]


def test_a_contract_ends_once_in_two_years_unless_they_left_before() -> None:
    ends = on(3, 20)
    (found,) = truth(line(contract_ends=ends + timedelta(days=CONTRACT_DAYS), joined=datetime(2021, 1, 1, tzinfo=UTC))).episodes("contract_ending")[1:]
    assert found == Episode("C-1", ends - 45 * DAY, ends, ends)
    gone = line(contract_ends=ends, drifts=((on(2, 1), on(3, 19), "left"),))
    assert truth(gone).episodes("contract_ending") == []


def test_days_at_risk_are_those_of_customers() -> None:
    there, left, came = line("a"), line("b", drifts=((on(2, 1), on(3, 10), "left"),)), line("c", joined=datetime(2025, 4, 25, 8, tzinfo=UTC))
    assert truth(there, left, came).customer_days() == 60 + 10 + 5
    assert truth(line("a", cug="CUG-1"), line("b", cug="CUG-1"), line("c", cug="CUG-2")).group_days() == 2 * 60


# Complaints


def story(customer: population.Customer, days: int) -> Iterator[Event]:
    course = course_of(customer)
    for nth in range(days):
        yield from (said for _, said in events_of(customer, course, customer.since + nth * DAY))


def case_facts(told: list[Event], customer_id: str) -> list[CaseFact]:
    return [CaseFact(datetime.fromisoformat(said["time"]), said["source"], said["id"], customer_id, said["type"], said["data"]) for said in told]


def first_late(case: Case) -> datetime | None:
    return min((stage.due_at for stage in case.stages if stage.is_late), default=None)


def test_overdue_complaints_are_those_of_the_customer_service() -> None:
    """C8: two ways of counting, the same answer."""
    seen = 0
    for customer in population.initial(5, 40, on(1, 1)):
        told = list(story(replace(customer, cause=population.Cause.BAD_COVERAGE), 400))
        late = {case.complaint_id: first for case in cases_of(case_facts(told, customer.customer_id)) if (first := first_late(case))}
        counted = overdue(told)
        assert sorted(one.since for one in counted) == sorted(late.values())
        seen += len(counted)
    assert seen > 20


def test_a_complaint_is_overdue_from_the_first_stage_that_was_late_until_it_is_resolved() -> None:
    """A minor one of a customer with one star: a day for the intake, three for the analysis, seven for the resolution."""
    at = datetime(2025, 3, 1, 8, tzinfo=UTC)
    told = [
        report(at, "care.complaint_opened", "msisdn:8613800000001", complaint_id="K", kind="billing", severity="minor", channel="hotline", summary=""),
        report(at + timedelta(hours=20), "care.complaint_progressed", "customer:C-1", complaint_id="K", stage="analysis", agent="A-1"),
        report(at + timedelta(hours=120), "care.complaint_progressed", "customer:C-1", complaint_id="K", stage="resolution", agent="A-1"),
        report(at + timedelta(hours=130), "care.complaint_resolved", "customer:C-1", complaint_id="K", resolution="settled"),
    ]
    events = [event(f"e-{nth}", said) for nth, said in enumerate(told)]
    assert overdue(events) == [Overdue("C-1", at + timedelta(hours=20 + 72), at + timedelta(hours=130))]
    assert overdue([*events[:2], *events[3:]])[0].since == at + timedelta(hours=20 + 72)
    assert overdue([events[0], event("e-9", told[3]._replace(at=at + timedelta(hours=23)))]) == []


# Figures


def test_a_group_is_warned_once_however_many_members_are_told() -> None:
    told = [alert("group_churn", f"C-{nth}", on(3, 9), group="cug:CUG-1") for nth in range(5)] + [alert("group_churn", "C-1", on(4, 20), group="cug:CUG-1")]
    assert raised(told, "group_churn", truth()) == [Raised("cug:CUG-1", on(3, 9)), Raised("cug:CUG-1", on(4, 20))]
    assert len(raised(told, ANY, truth())) == 6


def test_figures_of_all_kinds_from_alerts_and_truth() -> None:
    lines = [
        line("C-1", cause="price", drifts=((on(3, 1), on(4, 10), "left"),), registered_twice_as="C-1-2"),
        line("C-2", cause="arrears", drifts=((on(3, 1), on(4, 10), "left"),)),
        line("C-3", cause="none", fraud_on=[on(3, 3), on(3, 4)]),
    ]
    alerts = [
        alert("usage_fall", "C-1-2", on(3, 20)),
        alert("usage_fall", "C-3", on(3, 20)),
        alert("arrears", "C-2", on(3, 25)),
        alert("fraud", "C-3", on(3, 4)),
    ]
    found = {one.kind: one for one in figures(alerts, truth(*lines))}
    assert (found["usage_fall"].precision, found["usage_fall"].recall, found["usage_fall"].leaves) == (Share(1, 2), Share(1, 2), Share(1, 2))
    assert (found["arrears"].precision, found["arrears"].leaves) == (Share(1, 1), Share(0, 1)), "an end by us is no leaving"
    assert (found["fraud"].recall, found["fraud"].days_after_it_began) == (Share(1, 1), 1)
    assert (found[ANY].recall, found[LEAVERS].recall) == (Share(1, 2), Share(1, 1))
    assert {one.cause: one.by_kind["usage_fall"] for one in of_causes(alerts, truth(*lines))} == {"price": 1, "arrears": 0}


def test_the_tables_say_the_figures_with_their_bounds() -> None:
    lines = [line("C-1", drifts=((on(3, 1), on(4, 10), "left"),)), line("C-2")]
    alerts = [alert("usage_fall", "C-1", on(3, 20)), alert("usage_fall", "C-2", on(3, 20))]
    text = tables.table(figures(alerts, truth(*lines)))
    assert "| usage_fall | 2 | 50% (9% to 91%) | 40.6% | 50% | 1 | 100% (21% to 100%) | 19 | 21 | 301.2 |" in text, "41 of 101 days"
    assert "| price | 1 | 100% (21% to 100%) | 1 |" in tables.causes(list(of_causes(alerts, truth(*lines))))


# The run


def test_history_is_told_in_weeks_and_then_the_day_in_steps_that_end_within_it() -> None:
    plan = Plan(customers=10, days=3, history_months=3)
    moments = list(plan.moments())
    assert plan.window == Window(on(4, 1), on(4, 4))
    assert moments == sorted(moments)
    assert moments[-1] == datetime(2025, 4, 3, 23, 59, 59, tzinfo=UTC)
    assert sum(WINDOW.first < moment.date() for moment in moments if moment.date() >= on(4, 1)) == 3 * plan.steps_a_day
    assert max(later - earlier for earlier, later in pairwise(moments)) == timedelta(days=7)


def test_the_clock_can_be_made_to_stand() -> None:
    at = datetime(2025, 3, 1, 12, tzinfo=UTC)
    clock.stand_at(at)
    assert clock.now() == clock.now() == at
    clock.stand_at(at + DAY)
    assert clock.now() == at + DAY
    assert abs(clock.wall() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_services_live_through_a_day_in_one_step(tmp_path: Path) -> None:
    """All of what was told by then is taken in, and time that passed is noticed, before the clock goes on."""
    who = next(iter(population.initial(1, 1, on(1, 1))))
    who = replace(who, payment_type="postpaid", joined=datetime(2025, 1, 1, 8, tzinfo=UTC))
    joined = [said for _, said in events_of(who, course_of(who), on(1, 1))]
    signed = {"other_operator": "rival", "subscription_id": who.subscription_id}
    asked = event("asked", report(datetime(2025, 1, 2, 9, tzinfo=UTC), "orders.port_out_requested", f"msisdn:{who.msisdn}", **signed))
    later = event("later", report(datetime(2026, 12, 15, 9, tzinfo=UTC), "care.inquiry_made", f"msisdn:{who.msisdn}", kind="other", channel="app"))
    async with running(Settings(data_dir=tmp_path, bus="embedded", database="sqlite", log_level="error")) as system:
        await system.live_through(datetime(2025, 1, 1, 23, tzinfo=UTC), [message(said) for said in joined])
        assert await system.alerts() == []
        await system.live_through(datetime(2025, 1, 2, 23, tzinfo=UTC), [message(asked)])
        await system.live_through(datetime(2026, 12, 15, 23, tzinfo=UTC), [message(later)])
        told = [(one["kind"], one["raised_at"].date()) for one in await system.alerts()]
        assert await system.dead_letters() == 0
    assert told == [("port_out_inquiry", on(1, 2)), ("contract_ending", date(2026, 12, 15))]


def message(said: Event) -> Any:
    return event_message(PAYLOADS[said["type"]].topic, said["subject"], event_type=said["type"], event_id=said["id"], value=orjson.dumps(said))
