"""Strict priority, and nobody starves."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.fairness import PRIORITIES, SHARES, Fairness

waits = st.fixed_dictionaries(
    {priority: st.integers(min_value=0, max_value=400) for priority in PRIORITIES}
)
frees = st.lists(st.integers(min_value=1, max_value=64), min_size=1, max_size=60)


def take(fairness: Fairness, waiting: Counter[str], free: int) -> dict[str, int]:
    """Take as the reader of the streams does."""
    taken: dict[str, int] = {}
    for priority, places in fairness.reserved(free).items():
        taken[priority] = min(places, waiting[priority])
        if taken[priority] < places:
            fairness.forget(priority)
    for priority in PRIORITIES:
        left = free - sum(taken.values())
        more = min(left, waiting[priority] - taken.get(priority, 0))
        taken[priority] = taken.get(priority, 0) + more
    fairness.note(taken)
    waiting.subtract(taken)
    return taken


@pytest.mark.parametrize("free", [1, 3, 8, 32])
def test_a_flood_of_urgent_tasks_lets_each_other_priority_have_its_share(free):
    waiting = Counter(dict.fromkeys(PRIORITIES, 100_000))
    fairness, taken = Fairness(), Counter()
    for _ in range(2000):
        taken.update(take(fairness, waiting, free))

    total = sum(taken.values())
    for priority, share in SHARES.items():
        assert taken[priority] / total == pytest.approx(share, rel=0.05)
    assert taken["low"] / total >= 0.05


def test_at_first_the_most_urgent_is_taken_alone():
    waiting = Counter(dict.fromkeys(PRIORITIES, 10))

    assert take(Fairness(), waiting, 8)["urgent"] == 8


def test_who_was_away_has_saved_up_no_more_than_its_share():
    fairness, waiting = Fairness(), Counter({"urgent": 10_000})
    for _ in range(200):
        take(fairness, waiting, 32)
    waiting.update({"low": 1000})

    assert take(fairness, waiting, 32)["low"] <= 4


@given(waits, frees)
def test_no_place_is_left_empty_while_something_waits(found, sizes):
    fairness, waiting = Fairness(), Counter(found)
    for free in sizes:
        before = sum(waiting.values())
        taken = take(fairness, waiting, free)
        assert sum(taken.values()) == min(free, before)
        assert all(number >= 0 for number in waiting.values())
