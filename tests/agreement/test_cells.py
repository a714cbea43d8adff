"""Small groups are not shown, and cannot be reckoned from what is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agreement.cells import LEAST, too_small

counts = st.dictionaries(st.integers(), st.integers(0, 40), max_size=12)


@given(counts)
def test_no_group_with_fewer_than_ten_cases_is_shown(numbers):
    hidden = too_small(numbers)

    assert all(
        number >= LEAST for group, number in numbers.items() if group not in hidden
    )


@given(counts)
def test_one_hidden_group_is_never_the_total_less_the_others(numbers):
    hidden = too_small(numbers)

    with_cases = [group for group in hidden if numbers[group] > 0]
    assert len(with_cases) != 1 or set(numbers) == hidden


@given(counts)
def test_not_more_is_hidden_than_needed(numbers):
    small = {group for group, number in numbers.items() if number < LEAST}

    hidden = too_small(numbers)

    assert small <= hidden
    assert len(hidden) <= len(small) + 1


@pytest.mark.parametrize(
    ("numbers", "hidden"),
    [
        ({"a": 228, "b": 160, "c": 8, "d": 6}, {"c", "d"}),
        ({"a": 228, "b": 160, "c": 8}, {"b", "c"}),
        ({"a": 228, "b": 160, "c": 8, "d": 0}, {"b", "c", "d"}),
        ({"a": 228, "b": 160, "c": 0}, {"c"}),
        ({"a": 10, "b": 12}, set()),
        ({"a": 9}, {"a"}),
        ({}, set()),
    ],
)
def test_the_next_smallest_covers_a_single_small_group(numbers, hidden):
    assert too_small(numbers) == hidden


def test_what_is_hidden_by_another_count_stays_hidden_and_covers():
    refers = {"a": 37, "b": 26, "c": 1, "d": 0}

    assert too_small(refers, hidden={"c", "d"}) == {"c", "d"}
    assert too_small({"a": 37, "b": 26}, hidden={"b"}) == {"a", "b"}
