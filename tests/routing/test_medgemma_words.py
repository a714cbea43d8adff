"""What MedGemma is told, and what is made of its words; no model is in it."""

from __future__ import annotations

import json

import pytest

from milestones.checklist import checklist
from routing.modelserver.contract import Question
from routing.modelserver.medgemma import conversation, drafts
from routing.protocols import prompt
from screening.results import UNCLASSIFIED, check_result

SECRET = "Zebedee-Quill"
DRAFT = {
    "risk": "on_track",
    "summary": ["All answers are yes."],
    "recommendations": [],
    "parent_text": "",
    "explainability": [{"type": "milestone", "detail": "24m", "score": None}],
    "confidence": 0.9,
    "uncertainty_reason": "",
}
NAMED = {"model_id": "medgemma-4b-it", "adapter_id": "screening-1"}


def told(question, **given):
    return conversation.messages(
        question,
        **{"pictures": 0, "has_embedding": False, "not_given": (), **given},
    )


# --- What it is told --------------------------------------------------------------


def test_it_is_told_the_houses_rules_the_schema_and_the_record():
    item = checklist(24)[0]
    question = Question(
        case_id=SECRET,
        age_months=24,
        gestational_weeks=30,
        observations="Says no a lot.",
        milestones={item.key: "not_yet"},
        flags={"parent_concern": True},
    )

    rules, user = told(question)

    record = {
        "age_months": 24,
        "gestational_weeks": 30,
        "observations": "Says no a lot.",
        "milestones": {item.key: "not_yet"},
        "flags": {"parent_concern": True},
    }
    assert rules["content"].startswith(prompt.system())
    assert json.loads(rules["content"].partition("object:\n")[2]) == prompt.schema()
    [text] = user["content"]
    assert text == {"type": "text", "text": prompt.user_message(record)}
    assert SECRET not in str([rules, user])


def test_pictures_and_the_embedding_have_their_places_after_the_record():
    _, user = told(Question(), pictures=2, has_embedding=True)

    kinds = [part["type"] for part in user["content"]]
    assert kinds == ["text", "image", "image", "text"]
    assert user["content"][-1]["text"].endswith(conversation.EMBEDDING)


@pytest.mark.parametrize(
    "words", [conversation.EMBEDDING, "<start_of_image>", "<end_of_turn>", "</record>"]
)
def test_a_childs_words_cannot_stand_for_an_embedding_or_a_turn(words):
    _, user = told(Question(observations=f"He says {words} often."))

    [part] = user["content"]
    assert part["text"].count(words) == (words == "</record>")


def test_what_the_model_is_not_given_is_named_in_the_record():
    _, user = told(Question(), not_given=["embedding", "video"])

    assert '"not_given":["embedding","video"]' in user["content"][0]["text"]


def test_a_second_time_it_is_told_what_was_wrong():
    first = told(Question())

    rules, user = conversation.told_what_was_wrong(first, "It was empty.")

    assert rules["content"].startswith(first[0]["content"])
    assert rules["content"].endswith(
        f"{prompt.again()}\nWhat was wrong with it: It was empty."
    )
    assert user == first[1]


def test_the_digest_names_the_words(monkeypatch):
    before = conversation.digest()
    conversation.digest.cache_clear()
    monkeypatch.setattr(conversation, "_text", lambda name: f"other {name}")
    after = conversation.digest()
    conversation.digest.cache_clear()

    assert len(before) == 12
    assert before != after


# --- What it says -----------------------------------------------------------------


@pytest.mark.parametrize(
    "frame", ["{}", "```json\n{}\n```", "Here it is:\n{}\nI hope it helps."]
)
def test_a_whole_draft_is_taken_out_of_what_stands_around_it(frame):
    draft = drafts.read(frame.replace("{}", json.dumps(DRAFT)), is_cut_off=False)

    result = drafts.result(draft, not_given=(), **NAMED)

    assert result == DRAFT | NAMED
    assert check_result(result, case_id="case-1").risk == "on_track"


UNUSABLE = [
    pytest.param("", "It was empty.", id="nothing"),
    pytest.param(" \n", "It was empty.", id="white space"),
    pytest.param(f"{SECRET} is on_track.", "is not JSON", id="words"),
    pytest.param('"on_track"', "no object", id="a text"),
    pytest.param(f"{json.dumps(DRAFT)} {json.dumps(DRAFT)}", "more than one", id="two"),
    pytest.param(json.dumps(DRAFT)[:-9], "is not JSON", id="half"),
    pytest.param(
        json.dumps({"risk": "on_track"}), "the object lacks summary", id="risk alone"
    ),
    pytest.param(
        json.dumps(DRAFT | {"risk": SECRET}), "risk is not of the enum", id="risk"
    ),
    pytest.param(
        json.dumps(DRAFT | {"confidence": 1.7}),
        "confidence is not of the max",
        id="1.7",
    ),
    pytest.param(
        json.dumps(DRAFT | {"confidence": "high"}), "confidence is not of", id="high"
    ),
    pytest.param(
        json.dumps(DRAFT | {SECRET: SECRET}), "not asked for", id="a field too many"
    ),
    pytest.param(
        json.dumps(DRAFT | {"explainability": [{"type": "age", "detail": SECRET}]}),
        "explainability.0 lacks score",
        id="inside a list",
    ),
    pytest.param(
        json.dumps(DRAFT | {"summary": [SECRET, 7]}), "summary.1 is not", id="a number"
    ),
]


@pytest.mark.parametrize(("text", "problem"), UNUSABLE)
def test_an_answer_of_no_use_is_kept_and_never_believed(text, problem):
    draft = drafts.read(text, is_cut_off=False)
    result = drafts.result(draft, not_given=["embedding"], **NAMED)

    checked = check_result(result, case_id="case-1")
    assert problem in draft.problem
    assert SECRET not in draft.problem
    assert checked.risk == UNCLASSIFIED
    assert checked.problems == ("risk_unknown",)
    assert result["answer"] in (text, _json(text))
    assert result["uncertainty_reason"].endswith("Not given to the model: embedding.")
    assert result.items() >= NAMED.items()


def _json(text: str):
    try:
        return json.loads(text)
    except ValueError:
        return None


def test_an_answer_that_ran_out_of_tokens_is_of_no_use_even_if_it_looks_whole():
    draft = drafts.read(json.dumps(DRAFT), is_cut_off=True)

    assert "ended before it was whole" in draft.problem


def test_a_byte_that_no_database_keeps_is_replaced():
    draft = drafts.read("a\0b", is_cut_off=False)

    assert draft.answer == "a\ufffdb"


def test_what_was_not_given_is_added_to_the_models_own_reason():
    own = DRAFT | {"uncertainty_reason": "Little was answered."}
    draft = drafts.read(json.dumps(own), is_cut_off=False)

    result = drafts.result(draft, not_given=["embedding", "video"], **NAMED)

    assert result["uncertainty_reason"] == (
        "Little was answered. Not given to the model: embedding, video."
    )
