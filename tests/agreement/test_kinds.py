"""Ages, names and weeks: into which group a case falls."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agreement.ages import BANDS, band_of
from agreement.makers import plain_name, prompt_of, words_of_model, words_of_prompt
from agreement.periods import CHOICES, STEPS, period


@pytest.mark.parametrize(
    ("months", "band"),
    [
        (0, "under_12m"),
        (11.9, "under_12m"),
        ("12", "12_to_23m"),
        (23, "12_to_23m"),
        ("24.0", "2_to_3y"),
        (35.5, "2_to_3y"),
        (36, "3y_and_over"),
        (71, "3y_and_over"),
        (None, "not_given"),
        ("", "not_given"),
        ("young", "not_given"),
        (-1, "not_given"),
        ("nan", "not_given"),
        ("inf", "not_given"),
        ([], "not_given"),
    ],
)
def test_an_age_falls_into_one_band(months, band):
    assert band_of(months) == band
    assert band in BANDS


@pytest.mark.parametrize("name", ["medgemma-4b-it", "org/name:1.3", "a", "x" * 64])
def test_a_plain_name_is_kept(name):
    assert plain_name(name) == name


@pytest.mark.parametrize(
    "name", ["two words", "x" * 65, "<b>", "Zoë", "a\nb", " a", "-a", 7, ["a"], "a\n"]
)
def test_any_other_name_is_not(name):
    assert plain_name(name) == "name-not-plain"


@pytest.mark.parametrize("name", ["", None])
def test_no_name_stays_none(name):
    assert plain_name(name) == ""


@pytest.mark.parametrize(
    ("route", "prompt"),
    [
        ([], ""),
        (None, ""),
        ("text", ""),
        ([{"tries": []}], ""),
        ([{"tries": None}, "odd", {"tries": ["odd"]}], ""),
        ([{"tries": [{"prompt": "a"}, {"prompt": "b"}]}, {"tries": []}], "b"),
        ([{"tries": [{"prompt": "a"}]}, {"tries": [{"target": "edge"}]}], ""),
        ([{"tries": [{"prompt": {"x": 1}}]}], "name-not-plain"),
    ],
)
def test_the_prompt_is_that_of_the_last_try(route, prompt):
    assert prompt_of(route) == prompt


def test_models_and_prompts_have_words():
    assert words_of_model("medgemma", "1.3") == "medgemma 1.3"
    assert words_of_model("", "") == "model without a name"
    assert words_of_prompt("5") == "Prompt 5"
    assert words_of_prompt("") == "No prompt"


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.sampled_from(sorted(CHOICES)))
def test_a_period_is_of_whole_weeks_that_have_ended(today, weeks):
    found = period(weeks, today=today)

    assert found.first.weekday() == 0
    assert found.last.weekday() == 6
    assert found.last < today <= found.last + timedelta(days=7)
    assert (found.last - found.first).days + 1 == 7 * weeks


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.sampled_from(sorted(CHOICES)),
    st.integers(0, 400),
)
def test_every_day_of_a_period_lies_in_one_of_its_stretches(today, weeks, number):
    found = period(weeks, today=today)
    day = found.first + timedelta(days=number % (7 * weeks))

    for size in STEPS[weeks]:
        start = found.block_of(day, size)
        assert start in found.blocks(size)
        assert start <= day < start + timedelta(days=7 * size)


def test_an_unknown_number_of_weeks_means_twelve():
    assert period(5, today=date(2026, 11, 24)).first == date(2026, 8, 31)
