"""Reading a note: what counts as missing, lost or a worry, and what must not."""

from __future__ import annotations

import pytest

from milestones.free_text import read

MISSED = [
    (18, "She isn't walking yet.", "walks"),
    (18, "not walking yet", "walks"),
    (18, "Not yet walking", "walks"),
    (18, "he is still not able to walk", "walks"),
    (18, "I don't think she is walking", "walks"),
    (18, "has not walked", "walks"),
    (18, "has yet to take any steps", "walks"),
    (18, "Walks alone? No.", "walks"),
    (18, "Walking - not yet, but cruising", "walks"),
    (18, "has trouble walking", "walks"),
    (18, "Mum asks if it is ok that she isn't walking", "walks"),
    (18, "doesn't walk and talks a lot", "walks"),
    (18, "can walk no steps", "walks"),
    (18, "not walking is a concern", "walks"),
    (18, "no words is a concern", "says words"),
    (18, "no words and worries about walking", "says words"),
    (18, "walking: steady; pointing none", "points"),
    (18, "not sleeping, poor eye contact or gestures", "looks at faces"),
    (24, "isn't saying more than 5 words", "says words"),
    (24, "only says a few words", "says words"),
    (24, "no more than a few words", "says words"),
    (24, "her speech isn't good", "says many words"),
    (18, "Walking - yes; words - none; pointing - no", "says words"),
    (24, "only 5 words", "says words"),
    (24, "only says about 5-10 words", "says words"),
    (24, "Has no more than 5 words", "says words"),
    (24, "says 5 words only", "says words"),
    (24, "fewer than twenty words", "says words"),
    (30, "says ten words", "says words"),
    (18, "says 2 words", "says words"),
    (24, "doesn't say ten words yet", "says words"),
    (36, "only uses a couple of words", "says words"),
    (24, "limited vocabulary", "says many words"),
    (24, "vocabulary is limited", "says many words"),
    (24, "very few words", "says many words"),
    (24, "has only a few words", "says words"),
    (24, "not many words", "says many words"),
    (24, "isn't talking much", "says many words"),
    (24, "speech is delayed", "says many words"),
    (24, "speech delay", "says many words"),
    (18, "he doesn\u2019t say any words", "says words"),
    (18, "NO WORDS YET", "says words"),
    (18, "no words and mother very worried", "says words"),
    (18, "dont say any words", "says words"),
    (24, "nonverbal", "talks"),
    (24, "non-verbal", "talks"),
    (24, "she doesn't talk", "talks"),
    (18, "only says mama and dada", "talks"),
    (24, "doesn't put two words together", "puts two words together"),
    (24, "no two-word phrases", "puts two words together"),
    (24, "only single words", "puts two words together"),
    (18, "isn't pointing", "points"),
    (18, "never points", "points"),
    (18, "Points: not yet", "points"),
    (18, "Not pointing.Walking well.", "points"),
    (15, "doesn't point, wave or clap", "claps"),
    (15, "isn't pointing, waving or clapping", "waves"),
    (12, "doesn't wave bye-bye", "waves"),
    (9, "can't sit", "sits"),
    (9, "cannot sit without support", "sits alone"),
    (9, "cant sit alone", "sits alone"),
    (9, "unable to sit unsupported", "sits alone"),
    (6, "can not roll over", "rolls over"),
    (12, "doesn't respond to her name", "responds to own name"),
    (12, "ignores his name", "responds to own name"),
    (12, "acts as if he doesn't hear his name when called", "responds to own name"),
    (12, "no response to name", "responds to own name"),
    (9, "poor eye contact", "looks at faces"),
    (9, "Eye contact: poor", "looks at faces"),
    (9, "avoids eye contact", "looks at faces"),
    (9, "no smiles or eye contact", "looks at faces"),
    (4, "hardly smiles", "smiles"),
    (2, "does not react to loud noises", "responds to sounds"),
    (9, "no babbling, smiles often", "babbles"),
    (15, "can't stack two blocks", "stacks"),
    (18, "fails to follow simple directions", "follows directions"),
    (24, "can't walk up stairs", "climbs stairs"),
    (24, "doesn't run or kick a ball", "kicks a ball"),
    (24, "can walk but not run", "runs"),
    (30, "does not jump with both feet", "jumps"),
    (30, "doesn't play with other children", "plays near others"),
    (30, "no pretend play", "pretends"),
    (36, "strangers can't understand what she says", "is understood"),
    (36, "speech is hard to understand", "is understood"),
    (48, "can't catch a ball", "catches a ball"),
    (60, "doesn't hop on one foot", "hops"),
    (60, "can't count to 10", "counts"),
    (60, "Hops? no", "hops"),
]

UNREMARKABLE = [
    "walks well",
    "She walks, runs and climbs.",
    "says many words",
    "says over 50 words",
    "says at least 20 words",
    "more than 20 words",
    "20+ words",
    "says two words together",
    "puts 2 words together",
    "learns 2 new words each week",
    "says 2 words at a time",
    "isn't quiet and talks",
    "not crying walks well",
    "has stopped at the door and smiles",
    "doesn't cruise anymore",
    "no concerns",
    "No concerns about walking.",
    "no speech concerns",
    "No speech or language concerns",
    "no hearing, vision, or speech concerns",
    "parents have no major concerns about talking",
    "not worried about her talking",
    "Mom isn't worried or concerned",
    "denies any concerns",
    "without concerns",
    "Any concerns? No.",
    "Concerns: none",
    "don't worry about his speech",
    "no longer worried",
    "nothing to worry about: no worries",
    "not only walks but runs",
    "not only walking but running",
    "doesn't just walk, he runs",
    "can't stop talking",
    "never stops talking",
    "has not stopped talking",
    "no trouble walking",
    "has no difficulty pointing",
    "doesn't have any problem with words",
    "walks without help",
    "sits without support and doesn't fall",
    "doesn't need help walking",
    "no longer needs help walking",
    "not shy about talking",
    "never fails to smile",
    "can't sit still",
    "can't stand loud noise",
    "doesn't walk on tiptoes",
    "is used to walking on grass",
    "has used a spoon and is getting used to talking",
    "didn't walk until 14 months",
    "wasn't walking at the last visit but is walking now",
    "wasn't talking before, now talks",
    "was walking at 12 months and now runs",
    "walked at 12 months, now runs, not a worry",
    "had 50 words, now uses sentences",
    "call if not walking by 20 months",
    "If she isn't talking by then, refer.",
    "return if any concerns or regression",
    "no regression",
    "no history of speech delay",
    "denies regression or loss of skills",
    "hasn't lost any skills",
    "no lost skills",
    "no loss of words",
    "Regression: none",
    "Lost skills? No",
    "sleep regression",
    "regressed with potty training",
    "lost weight and walks well",
    "lost his shoe while walking",
    "lost a tooth, talks well",
    "used to cruise, now walks",
    "used to say 5 words, now says 20",
    "no longer mouths toys",
    "stopped crying when I left",
    "no fever. walking. pointing.",
    "isn't sleeping, walking fine",
    "doesn't nap but talks and points",
    "not eating well and she walks",
    "no cough and is walking",
    "not nonverbal",
    "no speech delay",
    "speech is not delayed",
    "isn't a late talker",
    "has a few words",
    "there is no point in waiting",
    "no speech therapy needed",
    "no medical attention needed",
    "no family history, no problems, no issues",
    "parece que camina bien",
    "\u8d70\u8def\u5f88\u597d",
    "",
    " \n\t ",
    "?!.,;:-()",
    "\ud800 \x00 \u202e\U0001f600",
]

LOST = [
    (18, "He no longer says mama", "names a parent"),
    (18, "used to wave but stopped", "waves"),
    (18, "She used to wave.", "waves"),
    (18, "used to point, now doesn't", "points"),
    (24, "stopped talking", "talks"),
    (12, "has stopped babbling", "babbles"),
    (24, "lost words", "says words"),
    (24, "has lost some of her words", "says words"),
    (24, "lost 5 words", "says words"),
    (24, "lost the ability to walk", "walks"),
    (24, "losing language", "talks"),
    (24, "loss of skills", ""),
    (24, "he has lost skills", ""),
    (24, "regressed at 18 months", ""),
    (24, "Regression? Yes", ""),
    (15, "doesn't wave bye anymore", "waves"),
    (15, "doesn't point any more.", "points"),
    (24, "isn't talking any longer", "talks"),
    (24, "not talking like he used to", "talks"),
    (24, "forgot how to walk", "walks"),
    (24, "no longer makes eye contact", "looks at faces"),
    (24, "was saying 20 words but now says none", "says words"),
    (24, "she had 10 words, now none", "says words"),
    (24, "could wave, and now can't", "waves"),
    (24, "was walking but now isn't", "walks"),
]

WORRIED = [
    "Mom is worried about speech",
    "Parents are concerned.",
    "concern: hearing",
    "we have concerns about his walking",
    "no concerns except speech",
    "no concerns other than her speech",
    "not worried about walking but worried about talking",
    "can't help worrying about her",
    "I am not sure but I worry",
    "Concerns? Yes",
]


def found(text, age):
    return {(finding.kind, finding.skill) for finding in read(text, age)}


@pytest.mark.parametrize(("age", "text", "skill"), MISSED)
def test_a_missing_skill_is_found(age, text, skill):
    assert ("missed", skill) in found(text, age)


@pytest.mark.parametrize("text", UNREMARKABLE)
@pytest.mark.parametrize("age", [9, 18, 24, 36])
def test_nothing_is_found_where_nothing_is_wrong(text, age):
    assert found(text, age) == set()


@pytest.mark.parametrize(("age", "text", "skill"), LOST)
def test_a_lost_skill_is_found_and_needs_no_checklist(age, text, skill):
    assert ("lost_skill", skill) in found(text, age)
    assert ("lost_skill", skill) in found(text, None)


@pytest.mark.parametrize("text", WORRIED)
def test_a_worry_is_found_and_is_no_missing_skill(text):
    assert found(text, 18) == {("parent_concern", "")}
    assert found(text, None) == {("parent_concern", "")}


@pytest.mark.parametrize(
    "text",
    ["not sure if she points", "doesn't always point", "I don't know if he points"],
)
def test_doubt_is_neither_yes_nor_no(text):
    assert found(text, 18) == {("unsure", "points")}


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (9, "not walking yet"),
        (12, "doesn't run"),
        (12, "only 3 words"),
        (18, "says 5 words"),
    ],
)
def test_a_skill_of_a_later_age_is_not_missed(age, text):
    assert found(text, age) == set()


def test_two_statements_are_two_findings_in_the_order_of_the_note():
    findings = read("She isn't walking. Mom is worried. Not pointing.", 18)

    assert [finding.skill or finding.kind for finding in findings] == [
        "walks",
        "parent_concern",
        "points",
    ]


@pytest.mark.parametrize(
    ("age", "text", "key"),
    [
        (24, "only 5 words", "24m.language.two_words_together"),
        (30, "only 40 words", "30m.language.fifty_words"),
        (36, "limited vocabulary", "36m.language.two_exchanges"),
    ],
)
def test_a_vague_word_counts_against_the_childs_own_list_alone(age, text, key):
    assert [finding.keys for finding in read(text, age)] == [(key,)]


def test_the_same_thing_said_twice_is_found_once():
    assert len(read("isn't walking. She is not walking!", 18)) == 1


@pytest.mark.parametrize("text", [text for _, text, _ in MISSED])
def test_without_a_checklist_nothing_is_missing(text):
    assert not {kind for kind, _ in found(text, None)} & {"missed", "unsure"}


def test_every_finding_has_low_confidence():
    assert {f.confidence for f in read("not walking, worried, lost words", 18)} == {
        "low"
    }
