"""G3: what a client is let do, and how long an address that guesses has to wait, as properties."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.access.limits import LONGEST_PAUSE_SECONDS, Backoff, Buckets, Quotas, left_of, network_of, policy_of

GAPS = st.lists(st.floats(min_value=0, max_value=5), max_size=80)
ASKED = st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=40)
DAY = date(2026, 11, 29)


@given(gaps=GAPS, rate=st.floats(min_value=0.1, max_value=50), burst=st.integers(min_value=1, max_value=20))
def test_a_client_never_gets_more_than_its_burst_and_its_rate(gaps: list[float], rate: float, burst: int) -> None:
    buckets, now, let_in = Buckets(rate_per_second=rate, burst=burst), 0.0, 0
    for gap in gaps:
        now += gap
        level = buckets.take("crm", now)
        let_in += level.wait_seconds == 0
        assert 0 <= level.left <= burst and level.full_in_seconds >= 0
        if level.wait_seconds:
            assert buckets.take("crm", now + level.wait_seconds).wait_seconds == 0, "who waits as told is let in"
            now += level.wait_seconds
            let_in += 1
    assert let_in <= burst + now * rate + 1e-3


@given(
    asked=st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=40),
    daily=st.integers(min_value=1, max_value=10),
    elsewhere=st.integers(min_value=0, max_value=12),
)
def test_a_quota_counts_what_other_processes_let_in(asked: list[str], daily: int, elsewhere: int) -> None:
    quotas = Quotas(daily)
    first = [quotas.take(client, DAY, seconds_left=10).wait_seconds == 0 for client in asked]
    assert all(sum(1 for client, let_in in zip(asked, first, strict=True) if client == one and let_in) == min(daily, asked.count(one)) for one in "ab")
    put_down, quotas.pending = quotas.pending, type(quotas.pending)()
    quotas.settle(DAY, {client: put_down[DAY, client] + elsewhere for client in "ab"})
    for client in "ab":
        left = quotas.take(client, DAY, seconds_left=10, counted=False)
        assert (left.wait_seconds == 0) == (put_down[DAY, client] + elsewhere < daily)
    assert quotas.take("a", date(2026, 11, 30), seconds_left=10).left == daily - 1, "a new day"


@given(count=st.integers(min_value=1, max_value=40))
def test_each_further_wrong_guess_waits_longer_up_to_a_bound(count: int) -> None:
    backoff, waits = Backoff(), []
    for _ in range(count):
        backoff.fail("10.0.0.1", 100.0)
        waits.append(backoff.wait_seconds("10.0.0.1", 100.0))
    assert waits[:5] == [0] * min(count, 5)
    assert all(before <= after <= LONGEST_PAUSE_SECONDS for before, after in pairwise(waits))
    assert all(after == min(60, 2 * before) for before, after in pairwise(waits[5:]))
    assert backoff.wait_seconds("10.0.0.2", 100.0) == 0
    backoff.fail("10.0.0.1", 100.0 + 601)
    assert backoff.wait_seconds("10.0.0.1", 100.0 + 601) == 0, "forgotten"


def test_what_is_remembered_is_bounded() -> None:
    backoff, buckets = Backoff(most=10), Buckets(rate_per_second=1, burst=1, most=10)
    for number in range(100):
        backoff.fail(f"10.0.0.{number}", 0.0)
        buckets.take(f"c{number}", 0.0)
    assert len(backoff._failures) == len(buckets._levels) == 10


def test_a_line_with_many_addresses_is_one_caller() -> None:
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:2:ffff::9") != network_of("2001:db8:1:3::1")
    assert (network_of("10.0.0.1"), network_of("somewhere")) == ("10.0.0.1", "somewhere")


def test_the_headers_are_structured_fields() -> None:
    buckets, quotas = Buckets(rate_per_second=2, burst=10), Quotas(100)
    assert policy_of(buckets, quotas) == b'"burst";q=10;w=5, "day";q=100;w=86400'
    assert left_of(buckets.take("c", 0.0), quotas.take("c", DAY, seconds_left=60)) == b'"burst";r=9;t=1, "day";r=99;t=60'
