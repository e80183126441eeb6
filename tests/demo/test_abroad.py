"""A number that is taken over shows in dear calls, by the day, and in nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import chain
from statistics import mean
from typing import Any

import orjson

from deploy.demo import population
from deploy.demo.behaviour import events_of
from deploy.demo.course import Course, course_of
from deploy.demo.events import Event, midnight
from deploy.demo.population import Cause, Customer, Responder
from deploy.demo.state import begun
from deploy.demo.stream import Stream
from deploy.demo.truth import line_of, lines_of
from shared.contracts.decoding import decode
from shared.contracts.network import UsageSummarised

FIRST_DAY = date(2025, 1, 1)
USAGE = UsageSummarised.type


def somebody(number: int = 3) -> Customer:
    return replace(list(population.initial(7, number + 1, FIRST_DAY))[number], cause=Cause.NONE, responder=Responder.SURE)


def taken_over(who: Customer, *, after_days: int = 70, weeks: int = 2) -> Course:
    """As if it happened then: on the first reporting day after so many days."""
    began = FIRST_DAY + timedelta(days=after_days)
    began += timedelta(days=(who.reporting_weekday - began.weekday()) % 7)
    return replace(course_of(who), taken_over=tuple(began + timedelta(days=nth) for nth in range(7 * weeks)))


def told(who: Customer, course: Course) -> dict[str, Event]:
    days = (FIRST_DAY + timedelta(days=nth) for nth in range(180))
    return {event["id"]: event for event in chain.from_iterable([said for _, said in events_of(who, course, day)] for day in days)}


def dear_minutes(data: dict[str, Any]) -> float:
    return float(sum(data.get(far_end, {}).get("out_seconds", 0) for far_end in ("international", "premium")) / 60)


def test_every_day_of_it_is_summarised_once_and_by_itself() -> None:
    who = somebody()
    course = taken_over(who)
    periods = [(said["data"]["period_start"][:10], said["data"]["period_end"][:10]) for said in told(who, course).values() if said["type"] == USAGE]
    covered = sorted(
        (date.fromisoformat(first) + timedelta(days=nth)).isoformat()
        for first, end in periods
        for nth in range((date.fromisoformat(end) - date.fromisoformat(first)).days)
    )
    assert len(covered) == len(set(covered)), "no day is told twice"
    days = {(day.isoformat(), (day + timedelta(days=1)).isoformat()) for day in course.taken_over}
    assert days <= set(periods)
    assert len([one for one in periods if one not in days]) > 20


def test_it_shows_in_minutes_far_above_the_usual() -> None:
    who = somebody()
    course = taken_over(who)
    days, weeks = [], []
    for said in told(who, course).values():
        if said["type"] == USAGE:
            decode(orjson.dumps(said))
            (days if date.fromisoformat(said["data"]["period_start"][:10]) in course.taken_over else weeks).append(dear_minutes(said["data"]))
    assert len(days) == 14
    assert all(15 <= minutes <= 165 for minutes in days)
    assert sum(days) / 2 > 200 > 10 * mean(weeks), "hundreds of minutes a week"


def test_most_people_call_abroad_a_little() -> None:
    usual = []
    for number in range(0, 60, 3):
        who = somebody(number)
        weeks = [dear_minutes(said["data"]) for said in told(who, replace(course_of(who), taken_over=())).values() if said["type"] == USAGE]
        usual.append(sum(weeks) / len(weeks))
    assert sum(minutes > 0 for minutes in usual) > 10
    assert sorted(usual)[10] < 10


def test_nothing_else_that_is_told_changes() -> None:
    """All else keeps its name, so also what becomes of it on the way."""
    who = somebody()
    with_it, without = told(who, taken_over(who)), told(who, replace(course_of(who), taken_over=()))
    assert without.keys() <= with_it.keys()
    changed = {name for name in without if without[name] != with_it[name]}
    assert len(changed) == 2, "the weeks in which it happens"
    assert {with_it[name]["type"] for name in changed | with_it.keys() - without.keys()} == {USAGE}


def test_it_happens_once_and_to_few() -> None:
    source = Stream(seed=1, size=400, first_day=FIRST_DAY, fault_rate=0.0, sent_until=midnight(FIRST_DAY))
    until = FIRST_DAY + timedelta(days=395)
    hit = [days for one in source.customers if (days := source.course(one).taken_over) and days[0] < until]
    assert 8 <= len(hit) <= 32, "about one in twenty in 13 months"
    assert {len(days) for days in hit} == {7, 14}
    assert all(days == tuple(days[0] + timedelta(days=nth) for nth in range(len(days))) for days in hit)


def test_the_truth_says_on_which_days() -> None:
    who = somebody()
    course = taken_over(who)
    line = line_of(who, None, course, (), course.taken_over[2])
    assert line["fraud_on"] == list(course.taken_over[:3])
    assert line_of(who, None, course, (), FIRST_DAY)["fraud_on"] is None


def test_the_truth_says_who_moves_together_and_when_contracts_end() -> None:
    """S8: members of one group whose employer pays begin to drift on the same day."""
    source = Stream(seed=1, size=400, first_day=FIRST_DAY, fault_rate=0.0, sent_until=midnight(FIRST_DAY))
    lines = list(lines_of(source, begun(1, 400, 0.0, FIRST_DAY), FIRST_DAY + timedelta(days=700)))
    moves: dict[str, set[date]] = {}
    for line in lines:
        if line["cause"] == Cause.EMPLOYER_PAID and line["drifts"]:
            moves.setdefault(line["cug"], set()).add(line["drifts"][0]["began"])
    assert moves
    assert all(len(days) == 1 for days in moves.values())
    assert {line["contract_ends"] is None for line in lines if source.customers[line["customer_id"]].payment_type == "prepaid"} == {True}
    assert all(line["contract_ends"] > FIRST_DAY for line in lines if line["contract_ends"])
