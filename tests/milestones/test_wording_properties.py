"""What holds of the wording checks whatever the text."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milestones.wording import (
    check_family_text,
    findings,
    hard_sentences,
    may_be_read,
)
from milestones.wording.letters import letters
from milestones.wording.sentences import sentences
from milestones.wording.syllables import syllables

PIECES = [
    "autism",
    "will catch up",
    "'ll be fine",
    "not a diagnosis",
    "cannot diagnose",
    "nothing to worry about",
    "developmental delay",
    "\u200b",
    "\u00ad",
    "-",
    "\u2019",
    " ",
    " ",
    ". ",
    ", ",
    "\n",
    "\n\n",
    "\n- ",
    "and ",
    " or ",
    "but ",
    "whether ",
    "\u201c",
    "1. ",
    "\u0130\ud800\ufdfa\ufb01",
    "Dr. ",
    "ability ",
]
SAFE = [
    "We read books.",
    "This is not a diagnosis.",
    "A screening cannot diagnose autism.",
    "Nobody can know whether he will catch up.",
    "It may not be known.",
    "Cannot be diagnosed by a screening.",
]
texts = st.text(max_size=120) | st.lists(st.sampled_from(PIECES), max_size=25).map(
    "".join
)


@given(texts)
def test_positions_are_those_of_the_text_as_given(text):
    end = 0
    for f in findings(text):
        assert end <= f.start < f.end
        assert text[f.start : f.end] == f.phrase
        assert text[f.sentence_start :].startswith(f.sentence)
        assert f.sentence_start <= f.start
        assert f.end <= f.sentence_start + len(f.sentence)
        end = f.end


@given(texts, st.sampled_from(SAFE), st.sampled_from([" ", "\n", "\n\n"]))
def test_a_safe_sentence_takes_no_finding_away(text, safe, gap):
    ended = text + "."
    alone = [f.phrase for f in findings(ended)]

    assert [f.phrase for f in findings(f"{ended}{gap}{safe}")] == alone
    assert [f.phrase for f in findings(f"{safe}{gap}{ended}")] == alone


@given(texts, texts)
def test_sentences_are_read_each_for_itself(one, other):
    apart = [f.phrase for text in (one, other) for f in findings(text)]

    assert [f.phrase for f in findings(f"{one}\n\n{other}")] == apart


@given(texts, st.sampled_from(["\u200b", "\u00ad", "\ufeff", "\u2060"]), st.data())
def test_a_hidden_mark_hides_nothing(text, mark, data):
    at = data.draw(st.integers(0, len(text)))

    hidden = findings(text[:at] + mark + text[at:])

    assert len(hidden) >= len(findings(text))


@given(texts)
def test_capitals_make_no_difference(text):
    lower = text.lower()
    if lower.upper().lower() == lower and "\n" not in text:
        assert len(findings(lower.upper())) == len(findings(lower))


@given(texts)
def test_sentences_hold_all_but_white_space(text):
    rest = list(text)
    for start, end in sentences(text):
        assert text[start:end] == text[start:end].strip() != ""
        rest[start:end] = [" "] * (end - start)
    assert "".join(rest).strip() == ""


@given(texts)
def test_letters_stand_where_they_were_written(text):
    places = letters(text).places

    assert places == sorted(places)
    assert all(map(str.isalnum, letters(text).chars))


@given(texts)
def test_a_check_is_consistent(text):
    check = check_family_text(text)

    assert check.is_empty == (check.words == 0) == (check.sentences == 0)
    assert check.sentences <= max(check.words, 0)
    assert check.findings == findings(text)
    if check.too_hard:
        assert hard_sentences(text)
    fit = not (check.is_empty or check.too_hard or check.too_long)
    assert may_be_read(check) == (fit and check.findings == ())


@given(st.text(max_size=30))
def test_a_word_has_a_syllable_and_no_more_than_letters(word):
    assert 1 <= syllables(word) <= max(1, 4 * len(word))


def steps(text):
    """Count the lines of Python run to check ``text``."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        check_family_text(text)
        hard_sentences(text)
    finally:
        sys.settrace(before)
    return count


HOSTILE = [
    "a",
    "a ",
    " will",
    "will-",
    "will be ",
    "not ",
    "whether autism, or ",
    "cannot diagnose autism and ",
    "'ll catch up ",
    "a'",
    "(",
    "([{",
    "((\n))",
    "-a",
    "-",
    ".",
    "\u2026\u201d",
    ".'",
    "1.",
    "\n-",
    " \n",
    " ",
    ",and",
    "\u200b",
    "a\u0301",
    "\ufdfa",
    "\ud800",
    "diagnosis of ",
    "e.g. ",
]


@pytest.mark.parametrize("seed", HOSTILE)
def test_the_work_grows_with_the_length_of_the_text_and_no_faster(seed):
    steps(seed)
    once = steps((seed * 1000)[:1000])
    twice = steps((seed * 2000)[:2000])

    assert twice <= 2.2 * once + 300
    assert once < 1500 * 1000


@pytest.mark.parametrize("seed", HOSTILE)
def test_20_000_characters_of_anything_are_checked(seed):
    text = (seed * 20_000)[:20_000]

    check = check_family_text(text)

    assert check.words <= 20_000 * 18
    assert len(hard_sentences(text)) <= 3
