"""S8 S9: the patterns beside usage falls, forwarding and port-out inquiries: when each is raised, closed, armed again, and when it is urgent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.features import Features
from services.segmentation.features.account import NOTHING_OWED, Position
from services.segmentation.parameters import BUILT_IN, Parameters, Patterns
from services.segmentation.patterns import open_kinds, sign_of, watch, watch_standing
from services.segmentation.patterns.finding import Alert
from services.segmentation.patterns.groups import GroupFinding, Member, group_churn, peers_who_left
from services.segmentation.patterns.standing import Stands
from services.segmentation.use_cases import groups
from services.segmentation.words import SEGMENTS, Segment
from shared.contracts import billing, care, network, orders
from shared.contracts.customer import CaseOverdue, Fact, Subscription
from shared.contracts.segmentation import AlertKind
from tests.segmentation.customers import NOW, TODAY, Months, ago, customer, day, heard, months, seen, subscriber, subscription, told, used

DEFAULT = BUILT_IN.parameters
RULES = DEFAULT.patterns


def watched(features: Features, *facts: Fact, months_moved: bool = True, days_ahead: float = 0, parameters: Parameters = DEFAULT) -> list[Alert]:
    """Told, then watched, as the stream does."""
    heard(features, *facts)
    return watch(features, facts, now=NOW + timedelta(days=days_ahead), months_moved=months_moved, parameters=parameters)


def stands(days_ahead: int = 0, **said: Any) -> Stands:
    known = seen(TODAY + timedelta(days=days_ahead), usage=said.pop("usage", None))
    return Stands(**({"seen": known, "position": NOTHING_OWED, "dunning_level": 0, "segment": None, "segment_before": None} | said))


def looked_at(features: Features, days_ahead: int = 0, **said: Any) -> list[Alert]:
    """As the day's re-cut does."""
    return watch_standing(features, stands(days_ahead, **said), now=NOW + timedelta(days=days_ahead))


def told_of(alerts: Sequence[Alert], kind: AlertKind | None = None) -> list[tuple[str, str]]:
    return [(one.finding.kind, one.finding.severity) for one in alerts if kind in {None, one.finding.kind}]


def severities(alerts: Sequence[Alert], kind: AlertKind) -> list[str]:
    return [severity for _, severity in told_of(alerts, kind)]


# Multi-SIM


def calls(outgoing: int, incoming: int, *, days: int = 30, before: tuple[int, int] = (500, 500)) -> Months:
    """Seconds a day, of the running month and of the three before."""
    return months(
        usage_days=[days, 30, 30, 30],
        out_on_net_seconds=[outgoing * days, *[before[0] * 30] * 3],
        in_off_net_seconds=[incoming * days, *[before[1] * 30] * 3],
    )


@pytest.mark.parametrize(
    ("listed", "is_raised"),
    [
        (calls(300, 700), True),
        (calls(214, 500), True),
        (calls(215, 500), False),
        (calls(80, 500, before=(250, 500)), False),
        (calls(75, 500, before=(250, 500)), True),
        (calls(50, 250), True),
        (calls(50, 249), False),
        (calls(0, 500, days=7), True),
        (calls(0, 500, days=6), False),
        (calls(100, 500, before=(500, 0)), False),
        (calls(0, 500, before=(59, 500)), False),
        (calls(250, 250), False),
    ],
)
def test_multi_sim_by_hand(listed: Months, is_raised: bool) -> None:
    """S8: incoming are 70 % and more of the seconds, 20 points more than before, and half of them still come; per covered day."""
    alerts = watched(subscriber(months=listed), used(on_net={"out_seconds": 1}))
    assert severities(alerts, "multi_sim") == (["warning"] if is_raised else [])


def test_multi_sim_says_what_it_saw() -> None:
    """S8"""
    (alert,) = [one for one in watched(subscriber(months=calls(125, 500)), used()) if one.finding.kind == "multi_sim"]
    assert alert.finding.reason == "Calls come in as before, but hardly any go out: incoming are 80 % of the seconds, were 50 %"
    assert alert.finding.evidence == {"month": "2026-11", "incoming_percent": 80.0, "baseline_incoming_percent": 50.0}


def test_multi_sim_is_armed_again_when_they_call_as_before() -> None:
    """S8: the share is less than ten points above what it was."""
    features = subscriber(months=calls(100, 500))
    assert severities(watched(features, used(5)), "multi_sim") == ["warning"]
    assert severities(watched(features, used(4)), "multi_sim") == []
    features.months |= calls(400, 600)
    watched(features, used(3))
    assert "multi_sim" in features.alerted
    features.months |= calls(401, 600)
    watched(features, used(2))
    assert "multi_sim" not in features.alerted
    features.months |= calls(100, 500)
    assert severities(watched(features, used(1)), "multi_sim") == ["warning"]


@given(st.tuples(*[st.integers(0, 2_000)] * 4), st.integers(1, 30))
def test_who_is_called_and_calls_as_before_has_one_sim(rates: tuple[int, int, int, int], days: int) -> None:
    """S8: whatever they use, the same as before raises neither fall nor second SIM; and a rise of calls out never does."""
    outgoing, incoming, more, _ = rates
    for listed in (calls(outgoing, incoming, days=days, before=(outgoing, incoming)), calls(outgoing + more, incoming, days=days, before=(outgoing, incoming))):
        assert not told_of(watched(subscriber(months=listed), used()))


# Complaints


def overdue(complaint_id: str = "K-1", *, at: float = 1, severity: str = "major", stage: str = "analysis") -> Fact:
    return told(CaseOverdue, at=ago(at), complaint_id=complaint_id, severity=severity, stage=stage)


def opened(complaint_id: str = "K-1", *, at: float = 5) -> Fact:
    return told(care.ComplaintOpened, at=ago(at), complaint_id=complaint_id)


def resolved(complaint_id: str = "K-1", *, at: float = 0) -> Fact:
    return told(care.ComplaintResolved, at=ago(at), complaint_id=complaint_id)


@pytest.mark.parametrize(("severity", "expected"), [("minor", "warning"), ("major", "warning"), ("critical", "urgent")])
def test_a_complaint_past_due_is_a_warning(severity: str, expected: str) -> None:
    """S8: the fact alone will do, whether or not the opening was heard."""
    for known in ([opened()], []):
        (alert,) = watched(subscriber(), *known, overdue(severity=severity))
        assert (alert.finding.kind, alert.finding.severity) == ("complaint_overdue", expected)
        assert alert.finding.reason == f"A {severity} complaint is past its due time, in analysis"
        assert alert.finding.evidence == {"complaint_id": "K-1", "stage": "analysis", "severity": severity, "due_at": "2026-11-02T10:00:00Z"}


def test_a_complaint_that_is_resolved_closes_the_warning_and_arms_it() -> None:
    """S8: each stage past due is the same warning; another complaint is another one once this one is over."""
    features = subscriber(facts=[opened()])
    assert told_of(watched(features, overdue(at=4))) == [("complaint_overdue", "warning")]
    assert told_of(watched(features, overdue(at=3, stage="resolution"), overdue("K-2", at=3))) == []
    assert told_of(watched(features, resolved(at=2))) == []
    assert open_kinds(features, now=NOW) == ["complaint_overdue"], "the other one is still past due"
    watched(features, resolved("K-2", at=2))
    assert open_kinds(features, now=NOW) == []
    assert told_of(watched(features, overdue("K-3", at=1))) == [("complaint_overdue", "warning")]


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 0, 2], [0, 2, 1], [2, 1, 0]])
def test_a_complaint_that_was_resolved_by_then_is_none(order: list[int]) -> None:
    """S8: in whatever order that is told in one message."""
    facts = [opened(), overdue(at=2), resolved(at=1)]
    assert watched(subscriber(), *(facts[index] for index in order)) == []


# Contracts


@pytest.mark.parametrize(
    ("ends_in", "severity"), [(None, None), (46, None), (45, "warning"), (15, "warning"), (14, "urgent"), (1, "urgent"), (0, "urgent"), (-1, None)]
)
def test_a_contract_that_ends(ends_in: int | None, severity: str | None) -> None:
    """S8: from 45 days before, urgent from 14 days before, until its last day."""
    alerts = looked_at(customer(subscription(ends_in=ends_in)))
    assert told_of(alerts) == ([("contract_ending", severity)] if severity else [])
    if severity and ends_in is not None:
        assert alerts[0].finding.evidence == {"subscription_id": "S-1", "days_left": ends_in}
        assert alerts[0].finding.reason == f"The contract of S-1 ends {f'in {ends_in} days' if ends_in else 'today'}"
        assert (alerts[0].finding.caused_by, alerts[0].alert_id) == ("day:2026-11-02", "contract_ending:C-1:day:2026-11-02")


def test_of_several_contracts_the_one_that_ends_first() -> None:
    """S8: also when one of them is over."""
    features = customer(
        subscription("S-1", ends_in=40), subscription("S-2", ends_in=12), subscription("S-3", ends_in=3, until=1), subscription("S-4", ends_in=-5)
    )
    (alert,) = looked_at(features)
    assert alert.finding.evidence == {"subscription_id": "S-2", "days_left": 12}


def test_a_renewed_contract_is_armed_again() -> None:
    """S8: and warned of when the new one is about to end, though it is the same month."""
    features = customer(subscription(ends_in=20))
    assert told_of(looked_at(features)) == [("contract_ending", "warning")]
    assert told_of(looked_at(features, 1)) == []
    features.subscriptions[0]["contract_ends"] = (TODAY + timedelta(days=400)).isoformat()
    assert told_of(looked_at(features, 2)) == []
    assert "contract_ending" not in features.alerted
    features.subscriptions[0]["contract_ends"] = (TODAY + timedelta(days=33)).isoformat()
    assert told_of(looked_at(features, 3)) == [("contract_ending", "warning")]


def test_an_ending_contract_becomes_urgent_as_the_days_pass() -> None:
    """S8: looked at each day, warned of when it comes near, and urgently in its last two weeks: once each."""
    features = customer(subscription(ends_in=60))
    found = {ahead: severity for ahead in range(62) for severity in severities(looked_at(features, ahead), "contract_ending")}
    assert {60 - ahead: severity for ahead, severity in found.items() if severity == "urgent"} == {14: "urgent"}
    assert found[15] == "warning"


# Silence


@pytest.mark.parametrize(("days", "is_raised"), [(20, False), (21, True), (200, True)])
def test_silence_is_a_warning(days: int, is_raised: bool) -> None:
    """S8: three weeks after the last chargeable event; of who never had one nothing is known."""
    alerts = looked_at(subscriber(facts=[told(billing.ToppedUp, at=ago(days))]))
    assert told_of(alerts) == ([("silent", "warning")] if is_raised else [])
    assert [one.finding.evidence for one in alerts] == ([{"silent_days": days, "last_active_on": day(days).isoformat()}] if is_raised else [])
    assert looked_at(subscriber()) == []


def test_a_broken_silence_is_armed_again() -> None:
    """S8: within its cool-down; being called breaks none."""
    features = subscriber(facts=[told(billing.ToppedUp, at=ago(30))])
    assert told_of(looked_at(features)) == [("silent", "warning")]
    heard(features, used(on_net={"in_seconds": 500}))
    looked_at(features)
    assert "silent" in features.alerted
    heard(features, used(on_net={"out_seconds": 5}))
    looked_at(features)
    assert "silent" not in features.alerted
    assert told_of(looked_at(features, 21)) == [("silent", "warning")]


def test_silence_is_counted_to_where_the_feeds_have_come() -> None:
    """S8: nobody is silent because the network's feed is."""
    features = subscriber(facts=[told(billing.ToppedUp, at=ago(5))])
    assert looked_at(features, 20, usage=TODAY + timedelta(days=15)) == []
    assert looked_at(features, 24, usage=TODAY + timedelta(days=16)) == [], "the feed is a backlog, and no feed that is live"
    assert told_of(looked_at(features, 23, usage=TODAY + timedelta(days=16))) == [("silent", "warning")]


def test_who_just_came_back_is_not_silent() -> None:
    """S8: the silence between leaving and coming back is none of the new subscription's; three weeks without use of that one are."""
    features = customer(subscription(since=900, until=400), subscription("S-2", since=5), facts=[told(billing.ToppedUp, at=ago(410))])
    assert told_of(looked_at(features)) == []
    assert told_of(looked_at(features, 30, usage=TODAY + timedelta(days=15))) == [], "the feed has not come further"
    assert told_of(looked_at(features, 16)) == [("silent", "warning")]


# RFM migration


@pytest.mark.parametrize("segment", [None, *SEGMENTS])
def test_rfm_migration_from_a_good_segment_to_one_at_risk(segment: Segment | None) -> None:
    """S8: and to no other; of who was not in a good one lately nothing."""
    is_raised = segment in RULES.rfm_to
    fallen = {"segment": segment, "segment_before": "champions", "segment_before_on": day(9)}
    alerts = looked_at(subscriber(), **fallen)
    assert told_of(alerts) == ([("rfm_migration", "warning")] if is_raised else [])
    if is_raised:
        assert alerts[0].finding.reason == f"From champions to {segment} within 14 days"
        assert alerts[0].finding.evidence == {"from": "champions", "to": segment, "was_on": day(9).isoformat()}
    assert looked_at(subscriber(), segment=segment) == []


def test_rfm_migration_is_armed_again_by_its_cool_down_alone() -> None:
    """S8: who pays monthly is in and out of a good segment with every payment."""
    features = subscriber()
    fallen: dict[str, Any] = {"segment": "at_risk", "segment_before": "loyal"}
    assert told_of(looked_at(features, **fallen)) == [("rfm_migration", "warning")]
    assert looked_at(features, 1, **fallen) == []
    looked_at(features, 2, segment="need_attention")
    assert "rfm_migration" in features.alerted
    looked_at(features, 3, segment="loyal")
    assert looked_at(features, 4, **fallen) == []
    assert told_of(looked_at(features, 30, **fallen)) == [("rfm_migration", "warning")]


@pytest.mark.parametrize(("rhythm", "is_raised"), [(None, True), (1.4, False), (1.5, True)])
def test_rfm_migration_is_against_the_customers_own_rhythm(rhythm: float | None, is_raised: bool) -> None:
    """S8: nothing was bought for half as long again as they usually take."""
    alerts = looked_at(subscriber(), segment="at_risk", segment_before="loyal", rhythm=rhythm)
    assert told_of(alerts) == ([("rfm_migration", "warning")] if is_raised else [])


# Arrears


@pytest.mark.parametrize(("level", "severity"), [(0, None), (1, None), (2, "warning"), (3, "urgent"), (4, "urgent")])
def test_arrears_from_the_second_step_of_dunning_on(level: int, severity: str | None) -> None:
    """S9"""
    alerts = looked_at(subscriber(), position=Position(123_456, 20, 0, ("B-1",)), dunning_level=level)
    assert told_of(alerts) == ([("arrears", severity)] if severity else [])
    if severity:
        assert alerts[0].finding.reason == "1,234.56 are 20 days past due"
        assert alerts[0].finding.evidence == {"owed_minor": 123_456, "overdue_days": 20, "dunning_level": level, "bills": ["B-1"]}


def test_arrears_are_armed_again_when_all_is_paid() -> None:
    """S9: a part is not all."""
    features = subscriber()
    debt: dict[str, Any] = {"position": Position(100, 20, 0, ("B-1",)), "dunning_level": 2}
    assert told_of(looked_at(features, **debt)) == [("arrears", "warning")]
    looked_at(features, 1, position=Position(1, 1, 0, ("B-1",)), dunning_level=1)
    assert looked_at(features, 2, **debt) == []
    looked_at(features, 3)
    assert told_of(looked_at(features, 4, **debt)) == [("arrears", "warning")]


def test_arrears_become_urgent_with_the_step_that_bars() -> None:
    """S9: fifteen days after the warning, whatever its cool-down."""
    features = subscriber()
    found = [
        severities(looked_at(features, ahead, position=Position(100, 15 + ahead, 0, ("B-1",)), dunning_level=2 if ahead < 15 else 3), "arrears")
        for ahead in range(16)
    ]
    assert (found[0], found[15]) == (["warning"], ["urgent"])
    assert not any(found[1:15])


# Fraud


def abroad(minutes: float, premium: float = 0, *, days: float = 1, until: float = 0) -> Fact:
    return used(until, days=days, international={"out_seconds": round(60 * minutes)}, premium={"out_seconds": round(60 * premium)})


def caller(minutes_per_day: int, **told: Any) -> Features:
    """Who has called abroad so much a day for three months."""
    history = months(usage_days=[0, 30, 30, 30], out_international_seconds=[0, *[30 * 60 * minutes_per_day] * 3])
    return subscriber(months=history, **told)


@pytest.mark.parametrize(
    ("usual", "minutes", "premium", "is_raised"),
    [
        (0, 19.9, 0, False),
        (0, 20, 0, True),
        (0, 0, 20, True),
        (0, 10, 10, True),
        (2, 20, 0, True),
        (10, 49.9, 0, False),
        (10, 50, 0, True),
        (60, 60, 0, False),
        (60, 299, 0, False),
        (60, 300, 0, True),
    ],
)
def test_a_jump_is_against_ones_own_history_and_a_least(usual: int, minutes: float, premium: float, is_raised: bool) -> None:
    """S9: five times what they call on a usual day, and twenty minutes; who calls abroad each day raises nothing."""
    assert bool(severities(watched(caller(usual), abroad(minutes, premium)), "fraud")) is is_raised


def test_a_jump_is_counted_by_the_day() -> None:
    """S9: a week's summary with seven times the minutes of a day is the same, and an hour's is as it is."""
    assert severities(watched(caller(0), abroad(7 * 20, days=7)), "fraud")
    assert not severities(watched(caller(0), abroad(7 * 19.9, days=7)), "fraud")
    assert not severities(watched(caller(0), abroad(19, days=1 / 24)), "fraud")


@pytest.mark.parametrize(
    ("limit", "minutes", "premium", "severity"),
    [
        (None, 99.9, 0, "warning"),
        (None, 100, 0, "urgent"),
        (None, 0, 20, "urgent"),
        (None, 50, 9, "warning"),
        (None, 50, 10, "urgent"),
        (100_000, 100, 0, "warning"),
        (100_000, 500, 0, "urgent"),
        (5_000, 25, 0, "urgent"),
        (0, 20, 0, "urgent"),
    ],
)
def test_it_is_urgent_near_the_credit_limit(limit: int | None, minutes: float, premium: float, severity: str) -> None:
    """S9: at 1.00 a minute abroad and 5.00 to premium numbers, half the limit, or of 200.00 where none is on record."""
    facts = [] if limit is None else [told(billing.CreditLimitChanged, at=ago(9), limit_minor=limit)]
    assert severities(watched(caller(0, facts=facts), abroad(minutes, premium)), "fraud") == [severity]


def test_fraud_says_what_it_saw() -> None:
    """S9: in the message of the event itself, no month is waited for."""
    fact = abroad(90, 10)
    (alert,) = watched(caller(4), fact, months_moved=False)
    assert alert.finding.reason == "100 minutes a day to abroad or premium numbers, usually 4"
    assert alert.finding.evidence == {
        "minutes_per_day": 100.0,
        "usual_minutes_per_day": 4.0,
        "estimated_minor": 14_000,
        "credit_minor": 20_000,
        "period_start": ago(1).isoformat(),
    }
    assert (alert.finding.at, alert.finding.caused_by, alert.alert_id) == (fact.time, fact.id, f"fraud:C-1:{fact.id}")


@given(st.integers(1, 500), st.floats(0, 4.9), st.integers(1, 7))
def test_a_frequent_caller_raises_nothing(usual: int, times: float, days: int) -> None:
    """S9: up to five times as much as usual."""
    assert not severities(watched(caller(usual), abroad(min(usual * times, 1_440) * days, days=days)), "fraud")


def test_a_warning_of_fraud_does_not_mute_the_urgent_one() -> None:
    """S9: it starts small; what runs into the credit limit the day after is told within seconds, not a month later."""
    features = caller(0)
    assert severities(watched(features, abroad(25, until=1)), "fraud") == ["warning"]
    assert severities(watched(features, abroad(25, until=0.5)), "fraud") == []
    assert severities(watched(features, abroad(1_000)), "fraud") == ["urgent"]
    assert severities(watched(features, abroad(1_000)), "fraud") == []


# Who is there

LOUD = calls(0, 500)
GONE = subscription(until=1, ends_in=5, reason="port_out")
SUBSCRIPTIONS: dict[str, tuple[Subscription, ...]] = {"here": (subscription(ends_in=5),), "gone": (GONE,), "two gone": (GONE, subscription("S-2", until=3))}


def standing_alerts(features: Features) -> list[Alert]:
    return looked_at(features, segment="lost", segment_before="champions", position=Position(100, 90, 0, ("B-1",)), dunning_level=4)


def alerts_of_facts(features: Features) -> list[Alert]:
    facts = [
        used(international={"out_seconds": 10**6}, forwarding=[{"network": "rival", "on_net": False, "activations": 9}]),
        overdue(severity="critical"),
        told(orders.PortOutRequested),
        told(care.InquiryMade, kind="port_out_pin"),
    ]
    return watched(features, *facts)


@pytest.mark.parametrize(
    ("look", "kinds"),
    [
        (standing_alerts, {"contract_ending", "silent", "rfm_migration", "arrears"}),
        (alerts_of_facts, {"usage_fall", "multi_sim", "forwarding_off_net", "fraud", "complaint_overdue", "port_out_inquiry"}),
    ],
)
@pytest.mark.parametrize("who", list(SUBSCRIPTIONS))
def test_nothing_is_raised_of_who_has_left(look: Callable[[Features], list[Alert]], kinds: set[AlertKind], who: str) -> None:
    """S8: late summaries and bills of who is gone warn of nothing; of who is here the same ones warn of everything there is but the group."""
    features = customer(*SUBSCRIPTIONS[who], months=LOUD, facts=[told(billing.ToppedUp, at=ago(90))])
    assert {one.finding.kind for one in look(features)} == (kinds if who == "here" else set())
    assert kinds <= set(get_args(AlertKind))


# Cool-down


def test_time_alone_raises_again_after_the_cool_down() -> None:
    """S8: thirty days later, while it lasts; each with an id of its own day."""
    features = subscriber(facts=[told(billing.ToppedUp, at=ago(21))])
    found = {ahead: [one.alert_id for one in looked_at(features, ahead)] for ahead in range(61)}
    assert {ahead: ids for ahead, ids in found.items() if ids} == {ahead: [f"silent:C-1:day:{TODAY + timedelta(days=ahead)}"] for ahead in (0, 30, 60)}


def test_kinds_are_open_until_their_cool_down_has_passed() -> None:
    """S5: what a standing is judged by."""
    features = customer(subscription(ends_in=40), facts=[told(billing.ToppedUp, at=ago(25))])
    looked_at(features)
    assert open_kinds(features, now=NOW) == ["contract_ending", "silent"]
    assert open_kinds(features, now=NOW + timedelta(days=29, hours=23)) == ["contract_ending", "silent"]
    assert open_kinds(features, now=NOW + timedelta(days=30)) == []
    assert open_kinds(features, now=NOW, parameters=Patterns(cool_down_days=0)) == []


# Groups


def member(customer_id: str, sign: str = "", days: int | None = 0) -> Member:
    return Member(customer_id, sign, day(days) if sign and days is not None else None)


def group(*signs: str, of: int) -> list[Member]:
    return [member(f"C-{index}", signs[index] if index < len(signs) else "") for index in range(of)]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ([], None),
        (group("left", "left", "left", of=3), None),
        (group(of=4), GroupFinding(0.0, {}, 4)),
        (group("left", of=4), GroupFinding(25.0, {"left": 1}, 4)),
        (group("left", "silent", "forwarding", of=10), GroupFinding(30.0, {"left": 1, "silent": 1, "forwarding": 1}, 10)),
        ([member("C-1", "left", 45), *group(of=3)], GroupFinding(25.0, {"left": 1}, 4)),
        ([member("C-1", "left", 46), *group(of=3)], GroupFinding(0.0, {}, 4)),
        ([member("C-1", "silent", None), *group(of=3)], GroupFinding(0.0, {}, 4)),
    ],
)
def test_the_share_of_a_group_that_shows_a_sign(members: list[Member], expected: GroupFinding | None) -> None:
    """S8: of four members and more, signs of the last 45 days."""
    assert group_churn(members, TODAY, RULES) == expected


@pytest.mark.parametrize(
    ("members", "left"),
    [
        ([member("C-1", "left", 30), member("C-2")], ["C-1"]),
        ([member("C-1", "left", 31), member("C-2")], []),
        ([member("C-1", "silent"), member("C-2", "forwarding")], []),
        ([member("C-1", "left"), *group(of=7)], ["C-1"]),
        ([member("C-1", "left"), *group(of=8)], []),
        ([member("C-1", "left"), member("C-2", "left", 9)], ["C-1", "C-2"]),
    ],
)
def test_peers_who_left(members: list[Member], left: list[str]) -> None:
    """S8: within thirty days, of a household or a CUG of eight and fewer."""
    assert [one.customer_id for one in peers_who_left(members, TODAY, RULES)] == left


def warned(group_id: str, members: list[Member], raised_on: date | None = None) -> tuple[dict[str, list[str]], date | None]:
    found, since = groups.findings(group_id, members, raised_on=raised_on, now=NOW, parameters=RULES)
    return {customer_id: [one.kind for one in findings] for customer_id, findings in found.items()}, since


@pytest.mark.parametrize(
    ("signs", "raised_on", "is_raised", "since"),
    [
        (["silent"] * 2, None, False, None),
        (["silent"] * 3, None, True, TODAY),
        (["silent"] * 9, None, True, TODAY),
        (["silent"] * 3, day(90), False, day(90)),
        (["silent"] * 2, day(90), False, day(90)),
        (["silent"] * 1, day(90), False, None),
        ([], day(1), False, None),
    ],
)
def test_a_group_is_warned_of_once_until_it_is_armed_again(signs: list[str], raised_on: date | None, is_raised: bool, since: date | None) -> None:
    """S8: at 30 % of ten members, armed again below 15 %."""
    found, now_since = warned("cug:G-1", group(*signs, of=10), raised_on)
    assert now_since == since
    assert set(found) == ({f"C-{index}" for index in range(10)} if is_raised else set())
    assert all(kinds == ["group_churn"] for kinds in found.values())


def test_a_household_hears_of_who_left_and_not_of_signs() -> None:
    """S8: it has no share; who left is told to the others."""
    assert warned("household:H-1", [member("C-1", "left"), member("C-2"), member("C-3", "silent"), member("C-4", "silent")]) == (
        {"C-2": ["peer_churn"], "C-3": ["peer_churn"], "C-4": ["peer_churn"]},
        None,
    )


def test_what_a_group_is_told() -> None:
    """S8: the figures, and no name."""
    found, _ = groups.findings("cug:G-1", group("left", "silent", of=4), raised_on=None, now=NOW, parameters=RULES)
    together, peer = found["C-3"]
    assert (together.severity, together.reason) == ("urgent", "50 % of the 4 members of cug:G-1 forward, fell silent or left")
    assert together.evidence == {"group": "cug:G-1", "members": 4, "share_percent": 50.0, "signs": {"left": 1, "silent": 1}}
    assert (peer.severity, peer.evidence) == ("warning", {"group": "cug:G-1", "left_on": TODAY.isoformat()})
    assert (together.caused_by, peer.caused_by) == ("cug:G-1:2026-11-02", "cug:G-1:2026-11-02")


@pytest.mark.parametrize(
    ("subscriptions", "kinds", "sign"),
    [
        ([subscription()], [], ""),
        ([subscription()], ["silent"], "silent"),
        ([subscription()], ["usage_fall"], "silent"),
        ([subscription()], ["forwarding_off_net", "silent"], "forwarding"),
        ([subscription()], ["arrears", "fraud", "contract_ending", "group_churn", "peer_churn"], ""),
        ([subscription(until=45, reason="port_out")], [], "left"),
        ([subscription(until=46, reason="port_out")], ["silent"], ""),
        ([subscription(until=1, reason="customer_request")], [], "left"),
        ([subscription(until=1, reason=None)], [], "left"),
        ([subscription(until=1, reason="arrears")], ["silent"], ""),
        ([subscription(until=1, reason="transfer")], [], ""),
        ([subscription(until=1, reason="death")], [], ""),
        ([subscription(until=1, reason="port_out"), subscription("S-2")], [], ""),
        ([subscription(until=1, reason="death"), subscription("S-2", until=9, reason="port_out")], [], ""),
        ([], [], ""),
    ],
)
def test_what_a_customer_shows_to_others(subscriptions: list[Subscription], kinds: list[str], sign: str) -> None:
    """S8: nobody leaves after one who was barred for debt, and a warning that comes from the group does not go back into it."""
    assert sign_of(customer(*subscriptions), kinds, TODAY, RULES) == sign


def test_usage_summaries_are_what_the_network_reports() -> None:
    """S9: the summaries here are as the contract has them."""
    assert network.UsageSummarised.model_validate_json(network.UsageSummarised.model_validate(abroad(5).data, strict=False).model_dump_json())
