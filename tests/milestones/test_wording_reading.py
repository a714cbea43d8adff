"""How hard a text is, and whether a family may be given it. All texts are invented."""

from __future__ import annotations

import pytest

from milestones.wording import check_family_text, hard_sentences, may_be_read
from milestones.wording.sentences import sentences
from milestones.wording.syllables import syllables

PLAIN = (
    "Your child plays well and likes to run. He looks at you when you call."
    " He does not point to things yet. We would like to see him again in two months."
    " Please call us if you feel worried."
)
HARD = (
    "Developmental surveillance necessitates comprehensive multidisciplinary"
    " evaluation of communicative competencies. Utilization of standardized"
    " instruments facilitates identification of individual difficulties."
    " Interdisciplinary collaboration subsequently determines the appropriate"
    " intervention and the continuation of longitudinal observation."
)

SYLLABLES = {
    1: """
        the make makes see be walked played talks while them once come where looks
        friend smiled reach try years weeks eyes some clothes changed
        """,
    2: """
        table tables little needed started boxes playing doing being lately careful
        movement hearing reading people children about worried baby babies doctor
        mother crying quiet didn't wasn't isn't couldn't something sometimes outside
        bedtime noises places answer able uncle simple patient evening screening
        creature hybrid mammal special social timely
        """,
    3: """
        family idea area autism together another easier happier remember disorder
        syllable example video serious everything period media important gradual
        specialist caregiver therapist hospital seemingly platypus busily
        """,
    4: """
        development information experience education especially ability activity
        evaluate pediatric reptilian Australian situation material
        """,
    5: "vocabulary developmental evaluation pediatrician intellectual disability",
}


@pytest.mark.parametrize(
    ("word", "count"),
    [(word, count) for count, words in SYLLABLES.items() for word in words.split()],
)
def test_syllables_are_counted_as_they_are_spoken(word, count):
    assert syllables(word) == count


@pytest.mark.parametrize(
    ("word", "count"),
    [
        pytest.param("early-intervention", 6, id="a hyphen divides"),
        pytest.param("didn\u2019t", 2, id="curly apostrophe"),
        pytest.param("PLAYING", 2, id="capitals"),
        pytest.param("\u00e9tude", 2, id="accent"),
        pytest.param("18", 2, id="digits"),
        pytest.param("hmm", 1, id="no vowel"),
        pytest.param("\u0431\u0440\u0430\u0442", 1, id="another script"),
        pytest.param("", 1, id="nothing"),
        pytest.param("-", 1, id="only a hyphen"),
    ],
)
def test_every_word_has_a_syllable(word, count):
    assert syllables(word) == count


def test_the_grade_is_that_of_the_published_formula():
    # 13 words, 1 sentence, 26 syllables, counted by hand.
    text = (
        "The Australian platypus is seemingly a hybrid of a mammal and reptilian"
        " creature."
    )

    check = check_family_text(text)

    assert (check.words, check.sentences) == (13, 1)
    assert check.grade == round(0.39 * 13 / 1 + 11.8 * 26 / 13 - 15.59, 1) == 13.1


def test_plain_words_may_be_read():
    check = check_family_text(PLAIN)

    assert (check.words, check.sentences) == (39, 5)
    assert check.grade < 5
    assert may_be_read(check)
    assert hard_sentences(PLAIN) == ()


def test_long_words_in_long_sentences_are_too_hard():
    check = check_family_text(HARD)

    assert check.too_hard
    assert not check.too_long
    assert not may_be_read(check)


def test_what_names_a_condition_may_not_be_read():
    check = check_family_text(PLAIN + " He has autism.")

    assert (check.too_hard, check.too_long) == (False, False)
    assert [f.phrase for f in check.findings] == ["autism"]
    assert not may_be_read(check)


@pytest.mark.parametrize(("words", "too_long"), [(250, False), (251, True)])
def test_250_words_are_enough(words, too_long):
    text = " ".join(["He runs."] * (words // 2)) + " Go." * (words % 2)

    check = check_family_text(text)

    assert (check.words, check.too_long) == (words, too_long)
    assert may_be_read(check) is not too_long


@pytest.mark.parametrize("text", ["", "  \n ", "...", "\u200b", "- -", "\U0001f600"])
def test_nothing_is_nothing_to_approve(text):
    check = check_family_text(text)

    assert check.is_empty
    assert (check.words, check.sentences, check.grade) == (0, 0, 0.0)
    assert (check.too_hard, check.too_long) == (False, False)
    assert not may_be_read(check)
    assert hard_sentences(text) == ()


def graded(sentence_words, sentences, syllable_words):
    """Write a text of one-syllable words, of which some are of four."""
    words = ["a"] * (sentence_words * sentences)
    words[:syllable_words] = ["ability"] * syllable_words
    rows = [
        words[n * sentence_words : (n + 1) * sentence_words] for n in range(sentences)
    ]
    return " ".join(" ".join(row) + "." for row in rows)


@pytest.mark.parametrize(
    ("text", "grade", "too_hard"),
    [
        pytest.param(graded(10, 3, 6), 7.2, False, id="7.2 passes"),
        pytest.param(graded(12, 3, 8), 8.8, True, id="8.8 does not"),
        pytest.param(graded(11, 2, 5), 8.5, False, id="8.5 in 2 sentences passes"),
        pytest.param(graded(9, 3, 6), 7.6, False, id="27 words"),
        pytest.param(graded(9, 3, 8), 10.2, False, id="10.2 in 27 words passes"),
        pytest.param(graded(9, 3, 11), 14.1, True, id="14.1 in 27 words does not"),
        pytest.param(graded(10, 3, 9), 10.7, True, id="10.7 in 30 words does not"),
        pytest.param(graded(20, 2, 10), 12.9, True, id="12.9 in 2 sentences does not"),
        pytest.param(graded(20, 2, 8), 11.1, False, id="11.1 in 2 sentences passes"),
    ],
)
def test_a_short_text_is_refused_later_because_its_grade_is_unreliable(
    text, grade, too_hard
):
    check = check_family_text(text)

    assert (check.grade, check.too_hard) == (grade, too_hard)


def test_the_hardest_sentences_come_first_and_say_where_they_stand():
    text = PLAIN + " " + HARD

    shown = hard_sentences(text)

    assert len(shown) == 3
    assert {f.kind for f in shown} == {"hard"}
    assert shown[0].phrase.startswith("Developmental")
    for f in shown:
        assert text[f.start : f.end] == f.phrase == f.sentence
        assert f.sentence_start == f.start
    assert hard_sentences(text, most=1) == shown[:1]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "One. Two! Three? Four\u2026 Five",
            ["One.", "Two!", "Three?", "Four\u2026", "Five"],
        ),
        (
            "He said \u201cno.\u201d Then he ran.",
            ["He said \u201cno.\u201d", "Then he ran."],
        ),
        ("See Dr. Vale at 3.5 months.", ["See Dr. Vale at 3.5 months."]),
        ("Use toys, e.g. blocks.", ["Use toys, e.g. blocks."]),
        ("A line\nthat goes on.", ["A line\nthat goes on."]),
        ("A head\n\nand a text.", ["A head", "and a text."]),
        ("Try:\n- reading\n- playing", ["Try:", "- reading", "- playing"]),
        ("Try:\r\n1. reading\r\n2. playing", ["Try:", "1. reading", "2. playing"]),
        ("Wait... what?!", ["Wait...", "what?!"]),
        ("Seen in 2024. Then not.", ["Seen in 2024.", "Then not."]),
        ("End.\u200b Next.", ["End.\u200b", "Next."]),
        ("no space.between", ["no space.between"]),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_would_pause(text, parts):
    assert [text[start:end] for start, end in sentences(text)] == parts


def test_each_item_of_a_list_is_a_sentence():
    check = check_family_text("You can:\n- read books\n- play ball")

    assert (check.words, check.sentences) == (6, 3)


def test_hyphens_apostrophes_and_hidden_marks_do_not_make_more_words():
    assert check_family_text("He's a well-fed ba\u200bby, isn\u2019t he?").words == 6
