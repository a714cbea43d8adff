"""The words of a note that were matched, where they stand in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milestones.free_text import read, read_each
from milestones.matched import matches


def found(text: str, age: int | None = 18) -> list[tuple[str, str]]:
    return [(text[m.start : m.end], m.meaning) for m in matches(text, age)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("He is not walking yet.", ["not walking"]),
        ("Walks alone? No.", ["Walks alone"]),
        ("No words, and no words at home.", ["No words", "no words"]),
        ("I am worried about him.", ["worried"]),
        ("She used to say words but now she doesn\u2019t.", ["used to say words"]),
        ("He plays and laughs a lot.", []),
    ],
)
def test_the_words_that_say_it_are_named_as_they_stand(text, said):
    assert [words for words, _ in found(text)] == said


def test_a_match_says_which_items_it_was_taken_for():
    [(_, meaning)] = found("He is not walking yet.")

    assert meaning.startswith("not yet: Walks alone without holding on")
    assert found("I worry.", None) == [("worry", "a worry")]


def test_letters_that_are_read_as_two_or_none_move_nothing():
    text = "Stra\u00dfe \ufb03 I\u0307 \u0130: he is not walking."

    assert [words for words, _ in found(text)] == ["not walking"]


NOTES = st.lists(
    st.sampled_from(
        ["not", "walking", "no", "words", "lost", ".", ",", "worried", "\u00df", "5"]
    )
).map(" ".join)


@given(NOTES | st.text())
def test_matches_stand_in_the_text_in_order_and_none_in_another(text):
    pieces = matches(text, 18)

    ends = [0, *(m.end for m in pieces)]
    assert all(
        end <= m.start < m.end <= len(text)
        for end, m in zip(ends, pieces, strict=False)
    )


@given(NOTES)
def test_each_finding_is_one_of_those_that_are_read_once(text):
    assert set(read_each(text, 18)) == set(read(text, 18))
