"""Corrected age, and the checklist that goes with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milestones.ages import checklist_age, corrected_months, previous_age
from milestones.checklist import AGES


def test_28_weeks_at_6_months_is_read_at_the_2_month_checklist():
    corrected = corrected_months(6, 28)

    assert corrected == pytest.approx(6 - 84 / 30.4375)
    assert round(corrected, 1) == 3.2
    assert checklist_age(corrected) == 2


@pytest.mark.parametrize(
    ("age", "weeks", "corrected"),
    [
        pytest.param(6, None, 6, id="unknown weeks"),
        pytest.param(6, 40, 6, id="term"),
        pytest.param(6, 42, 6, id="after term"),
        pytest.param(6, 37, 6, id="37 weeks is term"),
        pytest.param(6, 36 + 6 / 7, 6 - 22 / 30.4375, id="36 weeks and 6 days is not"),
        pytest.param(6, 36, 6 - 28 / 30.4375, id="36 weeks"),
        pytest.param(23, 28, 23 - 84 / 30.4375, id="before 24 months"),
        pytest.param(24, 28, 24, id="24 months and on"),
        pytest.param(2, 24, 0, id="never below zero"),
        pytest.param(0, 22, 0, id="newborn"),
        pytest.param(12, 22, 12 - 126 / 30.4375, id="22 weeks"),
        pytest.param(12, 21, 12, id="no birth is so early"),
        pytest.param(12, 0, 12, id="a slip"),
    ],
)
def test_age_is_corrected_for_early_birth_only(age, weeks, corrected):
    assert corrected_months(age, weeks) == pytest.approx(corrected)


@pytest.mark.parametrize(
    ("corrected", "age"),
    [
        (0, None),
        (1.99, None),
        (2, 2),
        (3.24, 2),
        (3.99, 2),
        (4, 4),
        (8.9, 6),
        (23.99, 18),
        (24, 24),
        (29, 24),
        (35.9, 30),
        (59, 48),
        (60, 60),
        (71, 60),
        (71.9, 60),
        (72, None),
        (240, None),
    ],
)
def test_the_checklist_is_the_highest_at_or_below_the_corrected_age(corrected, age):
    assert checklist_age(corrected) == age


def test_the_previous_checklist_is_the_next_one_down():
    assert [previous_age(age) for age in AGES] == [None, *AGES[:-1]]


@given(st.integers(0, 240), st.none() | st.integers(22, 44))
def test_correction_never_makes_a_child_older_nor_younger_than_birth(age, weeks):
    assert 0 <= corrected_months(age, weeks) <= age


@given(st.integers(0, 239), st.none() | st.integers(22, 44))
def test_a_child_gets_no_younger_with_time(age, weeks):
    assert corrected_months(age, weeks) <= corrected_months(age + 1, weeks)
