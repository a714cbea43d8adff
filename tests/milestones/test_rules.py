"""Each rule, and what the result says of it."""

from __future__ import annotations

import json
import re

import pytest

from milestones.checklist import AGES, CREDIT, checklist
from milestones.phrases import DATA
from milestones.rules import RISK_ORDER, assess, higher

TWO_YEARS = [item.key for item in checklist(24)]
ALL_YES = dict.fromkeys(TWO_YEARS, "yes")
WORDS = "24m.language.two_words_together"
RUNS = "24m.movement.runs"
VERBS = [row["verbs"][0] for row in json.loads(DATA.read_bytes())["skills"]]
BOOK = "24m.language.points_in_book"


def risk(**given_):
    return assess(**({"age_months": 24} | given_))["risk"]


def details(result, kind):
    return [e["detail"] for e in result["explainability"] if e["type"] == kind]


# --- The rules ---


def test_all_met_is_on_track():
    result = assess(age_months=24, answers=ALL_YES)

    assert result["risk"] == "on_track"
    assert result["confidence"] == 1.0
    assert result["uncertainty_reason"] is None


@pytest.mark.parametrize("age", AGES)
def test_all_met_is_on_track_at_every_age(age):
    answers = {item.key: "yes" for item in checklist(age)}

    assert risk(age_months=age, answers=answers) == "on_track"


def test_only_not_sure_is_monitor():
    assert risk(answers=ALL_YES | {WORDS: "not_sure"}) == "monitor"


def test_one_not_yet_is_discuss():
    assert risk(answers=ALL_YES | {WORDS: "not_yet"}) == "discuss"


def test_one_not_yet_beside_not_sure_is_discuss():
    assert risk(answers=ALL_YES | {WORDS: "not_yet", RUNS: "not_sure"}) == "discuss"


def test_not_yet_in_two_domains_is_refer():
    assert risk(answers=ALL_YES | {WORDS: "not_yet", RUNS: "not_yet"}) == "refer"


def test_two_not_yet_in_one_domain_is_refer():
    assert risk(answers=ALL_YES | {WORDS: "not_yet", BOOK: "not_yet"}) == "refer"


def test_not_yet_on_the_previous_list_is_refer():
    assert risk(answers=ALL_YES | {"18m.movement.walks_alone": "not_yet"}) == "refer"


def test_not_sure_on_the_previous_list_is_monitor():
    assert risk(answers=ALL_YES | {"18m.movement.walks_alone": "not_sure"}) == "monitor"


def test_a_worried_family_is_discuss():
    assert risk(answers=ALL_YES, flags={"parent_concern": True}) == "discuss"


@pytest.mark.parametrize("age", [None, 0, 1, 24, 72, 240])
def test_a_lost_skill_is_refer_at_any_age(age):
    answers = ALL_YES if age == 24 else {}

    assert risk(age_months=age, answers=answers, flags={"lost_skill": True}) == "refer"
    assert risk(age_months=age, answers=answers, observations="lost words") == "refer"


def test_flags_that_are_down_or_unknown_say_nothing():
    flags = {"lost_skill": False, "parent_concern": False, "other": True}

    assert risk(answers=ALL_YES, flags=flags) == "on_track"


@pytest.mark.parametrize("age", [None, 0, 1, 72, 240])
def test_without_a_checklist_the_answer_is_discuss_with_no_confidence(age):
    result = assess(age_months=age, answers=ALL_YES, observations="walks well")

    assert result["risk"] == "discuss"
    assert result["confidence"] == 0.0
    assert result["uncertainty_reason"]
    assert result["checklist_age_months"] is None


def test_an_empty_submission_is_discuss_with_no_confidence():
    result = assess(age_months=None)

    assert (result["risk"], result["confidence"]) == ("discuss", 0.0)


def test_no_answers_and_no_text_is_discuss():
    result = assess(age_months=24)

    assert (result["risk"], result["confidence"]) == ("discuss", 0.0)


def test_answers_to_the_previous_list_alone_are_not_enough():
    answers = {item.key: "yes" for item in checklist(18)}

    assert risk(answers=answers) == "discuss"


@pytest.mark.parametrize(
    ("answered", "expected"), [(1, "monitor"), (6, "monitor"), (7, "on_track")]
)
def test_on_track_needs_half_of_the_thirteen_items(answered, expected):
    result = assess(age_months=24, answers=dict.fromkeys(TWO_YEARS[:answered], "yes"))

    assert result["risk"] == expected
    assert f"incomplete: {answered} of 13" in result["uncertainty_reason"]
    assert result["confidence"] == round(answered / 13, 2)


def test_the_corrected_age_chooses_the_checklist():
    answers = {item.key: "yes" for item in checklist(2)}
    result = assess(age_months=6, gestational_weeks=28, answers=answers)

    assert result["risk"] == "on_track"
    assert result["age_months"] == 6
    assert result["corrected_age_months"] == 3.24
    assert result["checklist_age_months"] == 2
    assert "corrected for birth at 28 weeks: 3.2 months" in details(result, "age")[0]


def test_an_early_child_may_be_too_young_for_any_checklist():
    assert risk(age_months=4, gestational_weeks=24) == "discuss"


# --- Free text ---


def test_text_raises_the_risk():
    assert risk(answers=ALL_YES, observations="only 5 words") == "discuss"
    assert risk(answers=ALL_YES, observations="Mom is worried.") == "discuss"
    assert risk(answers=ALL_YES, observations="isn't walking") == "refer"
    assert risk(answers=ALL_YES, observations="not sure if she runs") == "monitor"


def test_text_that_says_nothing_changes_nothing():
    result = assess(age_months=24, answers=ALL_YES, observations="Sleeps well.")

    assert result["risk"] == "on_track"
    assert details(result, "free_text") == [
        "Note: read by keywords only; nothing in it was matched."
    ]


@pytest.mark.parametrize("text", ["walks well", "no concerns", "Everything is great!"])
def test_text_alone_is_never_on_track(text):
    result = assess(age_months=24, observations=text)

    assert (result["risk"], result["confidence"]) == ("discuss", 0.0)


def test_one_missed_item_in_the_text_alone_is_discuss():
    result = assess(age_months=24, observations="only 5 words")

    assert (result["risk"], result["confidence"]) == ("discuss", 0.0)
    assert details(result, "free_text") == [
        f'Note: "says words" seems missing (low confidence): {WORDS}'
    ]


def test_text_and_answer_about_the_same_item_count_once():
    answers = ALL_YES | {WORDS: "not_yet"}

    assert risk(answers=answers, observations="only 5 words") == "discuss"


def test_text_that_differs_from_an_answer_is_pointed_out():
    result = assess(age_months=24, answers=ALL_YES, observations="only 5 words")

    assert f"Answered yes, but the note seems to differ: {WORDS}" in details(
        result, "free_text"
    )


def test_the_words_of_the_note_are_not_repeated():
    result = assess(
        age_months=24, observations="Zebedee isn't walking, mother Xanthippe worried"
    )

    assert not re.search("zebedee|xanthippe", json.dumps(result), re.IGNORECASE)


# --- What the result says ---


def test_the_result_has_the_agreed_fields():
    result = assess(age_months=24, answers=ALL_YES)

    assert list(result) == [
        "risk",
        "summary",
        "recommendations",
        "parent_text",
        "explainability",
        "confidence",
        "uncertainty_reason",
        "model_id",
        "adapter_id",
        "age_months",
        "corrected_age_months",
        "checklist_age_months",
    ]
    assert result["model_id"] == "rules-cdc2022"
    assert re.fullmatch("cdc2022-[0-9a-f]{12}", result["adapter_id"])
    assert CREDIT in result["summary"]


def test_the_explanation_names_the_milestones():
    answers = ALL_YES | {WORDS: "not_yet", RUNS: "not_sure"}
    lines = details(assess(age_months=24, answers=answers), "milestone")

    assert f"{WORDS}: not yet" in lines
    assert f"{RUNS}: not sure" in lines
    assert all(key in lines[-1] for key in TWO_YEARS if key not in {WORDS, RUNS})


def test_answers_that_are_not_used_are_named_and_do_not_count():
    answers = ALL_YES | {
        "60m.movement.hops": "not_yet",
        "4m.movement.steady_head": "not_yet",
        "no.such.key": "not_yet",
        "<script>\x00": "not_yet",
    }
    result = assess(age_months=24, answers=answers)

    assert result["risk"] == "on_track"
    assert details(result, "not_used") == [
        "Answers not used at this age: 4m.movement.steady_head, 60m.movement.hops,"
        " (not a milestone key), no.such.key"
    ]


def test_many_unused_answers_are_counted_and_not_all_named():
    answers = {f"key{n}": "yes" for n in range(1000)}

    (line,) = details(assess(age_months=24, answers=answers), "not_used")
    assert line.endswith("and 980 more")


def test_an_answer_outside_the_vocabulary_is_no_answer():
    result = assess(age_months=24, answers=ALL_YES | {WORDS: "maybe"})

    assert result["confidence"] == round(12 / 13, 2)
    assert WORDS in details(result, "not_used")[0]


def test_a_note_about_everything_is_explained_in_short():
    note = ". ".join(f"no longer {word}. isn't {word}" for word in VERBS)
    result = assess(age_months=24, observations=note, answers=ALL_YES)

    assert result["risk"] == "refer"
    assert 60 < len(result["explainability"]) < 100
    assert "more findings" in json.dumps(details(result, "free_text"))
    assert len(details(result, "lost_skill")) > 50


def test_services_depend_on_the_childs_age():
    young = assess(age_months=24, flags={"lost_skill": True})["recommendations"]
    older = assess(age_months=48, flags={"lost_skill": True})["recommendations"]

    assert any("early intervention" in step for step in young)
    assert any("special education" in step for step in older)


@pytest.mark.parametrize(
    ("age", "screens"), [(9, 1), (12, 0), (18, 2), (24, 1), (30, 1)]
)
def test_the_screens_of_the_aap_schedule_are_recalled(age, screens):
    steps = assess(age_months=age)["recommendations"]

    assert sum(step.startswith("AAP schedule") for step in steps) == screens


CASES = {
    "on_track": {"answers": ALL_YES},
    "monitor": {"answers": ALL_YES | {WORDS: "not_sure"}},
    "discuss": {"answers": ALL_YES | {WORDS: "not_yet"}},
    "refer": {"answers": dict.fromkeys(TWO_YEARS, "not_yet")},
    "lost": {"flags": {"lost_skill": True}},
    "early": {"age_months": 6, "gestational_weeks": 28, "observations": "worried"},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_family_text_is_plain(case):
    text = assess(**({"age_months": 24} | case))["parent_text"]

    assert text
    assert reading_grade(text) <= 7


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_nothing_names_a_condition_or_makes_a_promise(case):
    result = assess(**({"age_months": 24} | case))
    words = " ".join(
        [result["parent_text"], *result["summary"], *result["recommendations"]]
    )

    assert not re.search(
        r"diagnos|autis|disorder|disab|delay|normal|syndrome|adhd|guarantee|promise"
        r"|definitely|certain|cure|will be fine|nothing to worry",
        words,
        re.IGNORECASE,
    )


def reading_grade(text):
    """Flesch-Kincaid grade, with syllables counted as groups of vowels."""
    sentences = len(re.findall(r"[.!?](?:\s|$)", text))
    words = re.findall(r"[A-Za-z']+", text)
    syllables = sum(
        max(1, len(re.findall(r"[aeiouy]+", re.sub(r"e$", "", word.lower()))))
        for word in words
    )
    return 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59


# --- The order of risks ---


def test_the_graver_of_two_risks():
    for n, a in enumerate(RISK_ORDER):
        for m, b in enumerate(RISK_ORDER):
            assert higher(a, b) == RISK_ORDER[max(n, m)]
