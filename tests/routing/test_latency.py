"""p50 and p95 of a target, learnt from many workers."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.latency import (
    BUCKETS,
    ENOUGH,
    HALF_LIFE_SECONDS,
    bucket_of,
    merged,
    quantile,
)

times = st.lists(st.floats(min_value=0, max_value=3e6), min_size=5, max_size=200)


def histogram(milliseconds: list[float]) -> Counter[int]:
    return Counter(map(bucket_of, milliseconds))


def test_nothing_is_said_of_a_few_calls():
    assert quantile({}, 0.95) is None
    assert quantile(histogram([100.0] * int(ENOUGH - 1)), 0.95) is None
    assert quantile(histogram([100.0] * int(ENOUGH)), 0.95) is not None


def test_one_slow_call_in_a_hundred_is_beyond_the_95th_percentile():
    calls = histogram([100.0] * 99 + [9000.0])

    assert 100 <= quantile(calls, 0.95) <= 120
    assert quantile(calls, 1.0) >= 9000


def test_what_is_older_counts_for_less():
    slow, fast = histogram([4000.0] * 100), histogram([100.0] * 20)

    soon = merged(slow, fast, elapsed=0)
    later = merged(slow, fast, elapsed=6 * HALF_LIFE_SECONDS)

    assert quantile(soon, 0.5) >= 4000
    assert quantile(later, 0.5) <= 120


def test_old_calls_are_forgotten_in_the_end():
    assert merged(histogram([100.0] * 50), {}, elapsed=20 * HALF_LIFE_SECONDS) == {}


def test_a_clock_that_went_back_makes_nothing_of_old_calls():
    old = histogram([100.0] * 50)

    assert merged(old, {}, elapsed=-60) == old


@given(times, st.sampled_from([0.5, 0.95]))
def test_a_quantile_is_not_below_the_true_one_and_less_than_a_fifth_above(found, share):
    in_order = sorted(max(time, 1.0) for time in found)
    rank = next(n for n in range(1, len(found) + 1) if n >= share * len(found) - 1e-9)
    true = in_order[rank - 1]

    learnt = quantile(histogram(found), share)

    assert true * 0.999999 <= learnt <= true * 2**0.25 * 1.000001


@given(times, times)
def test_the_histograms_of_two_workers_add_up(one, other):
    together = merged(histogram(one), histogram(other), elapsed=0)

    assert together == histogram(one + other)


@pytest.mark.parametrize("milliseconds", [0.0, -1.0, 0.5, 1.0, 1e12])
def test_every_time_has_a_bucket(milliseconds):
    assert 0 <= bucket_of(milliseconds) < BUCKETS
