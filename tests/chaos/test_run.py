"""A short fault run, so that every run of the tests proves the promises on both storages. `make chaos` is the long one."""

from __future__ import annotations

import pytest

from deploy.chaos.evidence import SERVICES
from deploy.chaos.faults import Plan, schedule
from deploy.chaos.run import run
from deploy.chaos.stream import stream
from deploy.stack import Stack
from shared.settings import Settings
from tests.databases import empty

# The least that Kafka takes. After a kill the group rests that long.
SESSION_SECONDS = 6.0
EMBEDDED = Plan(seed=1, seconds=15, reports_per_second=200, kills=10, pauses=1, pause_seconds=15)
STACK = Plan(seed=2, seconds=15, reports_per_second=200, kills=10, pauses=1, pause_seconds=9)


@pytest.fixture
def stack(own_stack: Stack) -> Stack:
    return own_stack


@pytest.mark.kafka
@pytest.mark.timeout(360)
async def test_nothing_is_lost_doubled_or_swapped_under_faults(request: pytest.FixtureRequest, settings: Settings) -> None:
    """E2 E6 C3 C4: workers killed and paused at random under load, Kafka and PostgreSQL killed too, customers merged and
    un-merged, numbers handed on late; every invariant holds."""
    on_stack = settings.bus != "embedded"
    servers = request.getfixturevalue("stack").daemons if on_stack else ()
    settings = settings.model_copy(update={"kafka_session_seconds": SESSION_SECONDS})
    await empty(settings, *SERVICES)
    outcome = await run(STACK if on_stack else EMBEDDED, settings, servers=servers)
    assert not outcome.breaches, "\n".join(outcome.breaches[:20])
    assert outcome.kills == (12 if on_stack else 10)
    assert outcome.merged


def test_a_seed_makes_the_same_stream_and_the_same_faults() -> None:
    first, again, other = (stream(seed=seed, reports=500) for seed in (7, 7, 8))
    assert [(one.at, one.report.value) for one in first] == [(one.at, one.report.value) for one in again]
    assert [one.report.value for one in first] != [one.report.value for one in other]
    assert schedule(EMBEDDED) == schedule(EMBEDDED)


def test_a_stream_has_every_kind_of_disorder() -> None:
    sendings = stream(seed=1, reports=5000)
    reports = [sending.report for sending in sendings]
    assert {report.fate for report in reports} == {"fact", "parked", "dead"}
    assert len(set(reports)) < len(reports), "duplicates"
    assert len({report.code for report in reports}) == 9, "every reason to refuse an event, and none"
    assert [report.time for report in reports] != sorted(report.time for report in reports), "out of order"
    numbers = {report.data["msisdn"] for report in reports if report.type == "orders.subscription_activated.v1" and report.fate == "fact"}
    assert len(numbers) < len({report.customer_id for report in reports if report.type == "orders.subscription_activated.v1"}), "handed-on numbers"
    registered = {report.customer_id: sending.at for sending, report in zip(sendings, reports, strict=True) if report.type == "orders.customer_registered.v1"}
    assert any(sending.at < registered.get(sending.report.customer_id, 0) for sending in sendings), "before their customer"
