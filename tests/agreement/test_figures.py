"""Shares and kappa: the worked example of the design, and what holds for any counts."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agreement.figures import Agreement, kappa, wilson
from tests.agreement.making import DRAWN, RISING, cases_drawn

MATRIX = {
    (draft, signed): number
    for draft, numbers in DRAWN.items()
    for signed, number in zip(RISING, numbers, strict=True)
}
matrices = st.dictionaries(
    st.tuples(st.sampled_from(RISING), st.sampled_from(RISING)),
    st.integers(0, 500),
)


def drawn() -> Agreement:
    said: dict[tuple[str, str, str], int] = {}
    for case in cases_drawn():
        key = case.draft_risk, case.rules_risk, case.signed_risk
        said[key] = said.get(key, 0) + 1
    return Agreement(said)


def rounded(figure, places: int) -> tuple[float, float, float]:
    ends = figure.value, figure.low, figure.high
    return tuple(round(end, places) for end in ends)


# --- The worked example -------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "whole", "value", "low", "high"),
    [
        (52, 402, 12.9, 10.0, 16.6),
        (49, 64, 76.6, 64.9, 85.3),
        (62, 64, 96.9, 89.3, 99.1),
    ],
)
def test_the_score_interval_is_that_of_the_worked_example(
    part, whole, value, low, high
):
    figure = wilson(part, whole)

    percents = tuple(round(100 * end, 1) for end in (figure.value, figure.low))
    assert percents == (value, low)
    assert round(100 * figure.high, 1) == high


def test_kappa_is_that_of_the_worked_example():
    assert rounded(kappa(MATRIX), 2) == (0.93, 0.90, 0.95)


def test_the_figures_of_the_drawn_page_come_from_its_cases():
    found = drawn()

    assert (found.cases, found.usable) == (412, 402)
    assert (found.changed.part, found.changed.whole) == (52, 402)
    assert (found.found_by_draft.part, found.found_by_draft.whole) == (49, 64)
    assert (found.found_by_either.part, found.found_by_either.whole) == (62, 64)
    assert found.matrix == Counter(MATRIX)
    assert found.count(draft="monitor", signed="refer") == 2
    assert found.count(draft="monitor", signed="refer", raised_by_rules=True) == 2


def test_kappa_of_two_risks_is_reckoned_by_hand():
    # Observed 0.7; by the margins 0.5; so (0.7 - 0.5) / (1 - 0.5).
    found = kappa(
        {
            ("on_track", "on_track"): 35,
            ("on_track", "refer"): 15,
            ("refer", "on_track"): 15,
            ("refer", "refer"): 35,
        }
    )

    assert found.value == pytest.approx(0.4)
    # Of two risks the standard error is that of plain kappa, here 0.0917.
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * 0.0916515, abs=1e-4)


# --- What holds for any counts ------------------------------------------------------


@given(st.integers(1, 5000), st.data())
def test_a_share_lies_within_its_interval_and_that_within_nought_and_one(whole, data):
    part = data.draw(st.integers(0, whole))

    figure = wilson(part, whole)

    assert 0 <= figure.low <= figure.value <= figure.high <= 1


@given(st.integers(1, 5000), st.data())
def test_the_interval_of_the_rest_mirrors_that_of_the_part(whole, data):
    part = data.draw(st.integers(0, whole))

    one, other = wilson(part, whole), wilson(whole - part, whole)

    assert one.low == pytest.approx(1 - other.high)


@pytest.mark.parametrize(("part", "whole"), [(1, 0), (0, 0), (3, 2), (-1, 2)])
def test_a_share_of_nothing_is_refused(part, whole):
    with pytest.raises(ValueError, match="part of something"):
        wilson(part, whole)


@given(matrices)
def test_kappa_lies_between_minus_one_and_one_within_its_interval(matrix):
    figure = kappa(matrix)

    assume(figure is not None)
    assert -1 <= figure.low <= figure.value <= figure.high <= 1


@given(st.dictionaries(st.sampled_from(RISING), st.integers(1, 500), min_size=2))
def test_kappa_is_one_where_all_agree(counts):
    figure = kappa({(risk, risk): number for risk, number in counts.items()})

    assert rounded(figure, 9) == (1.0, 1.0, 1.0)


@given(matrices)
def test_kappa_is_the_same_from_both_sides_and_from_both_ends(matrix):
    turned = {(signed, draft): number for (draft, signed), number in matrix.items()}
    other_end = dict(zip(RISING, reversed(RISING), strict=True))
    mirrored = {(other_end[d], other_end[s]): n for (d, s), n in matrix.items()}

    figure = kappa(matrix)

    for other in (kappa(turned), kappa(mirrored)):
        assert (figure is None) == (other is None)
        if figure is not None:
            assert rounded(other, 6) == pytest.approx(rounded(figure, 6), abs=2e-6)


@given(matrices, st.integers(2, 20))
def test_more_of_the_same_leaves_kappa_and_narrows_its_interval(matrix, times):
    few, many = kappa(matrix), kappa({pair: times * n for pair, n in matrix.items()})

    assume(few is not None)
    assert many.value == pytest.approx(few.value, abs=1e-9)
    assert many.high - many.low <= few.high - few.low + 1e-9


@given(matrices, st.integers(1, 500), st.sampled_from(RISING))
def test_answers_that_cannot_be_used_change_no_kappa(matrix, number, signed):
    more = matrix | {("unclassified", signed): number}

    assert kappa(more) == kappa(matrix)


@pytest.mark.parametrize("matrix", [{}, {("refer", "refer"): 40}])
def test_there_is_no_kappa_of_nothing_or_of_one_risk(matrix):
    assert kappa(matrix) is None


def test_an_unusable_draft_finds_nobody_but_the_rules_may():
    found = Agreement(
        {
            ("unclassified", "refer", "refer"): 3,
            ("unclassified", "", "refer"): 1,
            ("refer", "", "refer"): 6,
        }
    )

    assert (found.found_by_draft.part, found.found_by_draft.whole) == (6, 10)
    assert (found.found_by_either.part, found.found_by_either.whole) == (9, 10)
    assert (found.changed.part, found.changed.whole) == (0, 6)
