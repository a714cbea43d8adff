"""Step 9: is the model's answer whole, and is the child listed safely?"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.models import Risk
from screening.results import (
    MAX_ITEMS,
    MAX_TEXT,
    RISING,
    UNCLASSIFIED,
    check_result,
    listed_risk,
)

WHOLE = {
    "risk": "monitor",
    "summary": ["Points at things."],
    "recommendations": ["Repeat the checklist in two months."],
    "parent_text": "Your child points at things.",
    "explainability": [{"type": "item", "detail": "points to ask", "score": 0.4}],
    "confidence": 0.71,
    "model_id": "model-1",
    "adapter_id": "adapter-1",
    "uncertainty_reason": "few answers",
}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*WHOLE, "x"]), inner, max_size=6)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("risk", RISING)
def test_a_whole_answer_is_believed(risk):
    checked = check_result(WHOLE | {"risk": risk}, case_id="RC-2041")

    assert (checked.risk, checked.problems) == (risk, ())
    assert checked.model_id == "model-1"


def test_an_answer_of_a_risk_alone_is_whole():
    checked = check_result({"risk": "refer"}, case_id="RC-2041")

    assert (checked.risk, checked.problems, checked.model_id) == ("refer", (), "")


@pytest.mark.parametrize("confidence", [0, 1, 0.0, 1.0, 0.5, None])
def test_a_confidence_from_nought_to_one_or_none_is_taken(confidence):
    checked = check_result(WHOLE | {"confidence": confidence}, case_id="RC-2041")

    assert checked.problems == ()


def test_fields_that_we_do_not_know_are_kept_and_hurt_nothing():
    answer = WHOLE | {"latency": 7, "case_id": "RC-2041"}

    checked = check_result(answer, case_id="RC-2041")

    assert (checked.raw, checked.problems) == (answer, ())


WORDS = [
    None,
    "",
    "On track",
    "ON_TRACK",
    "autism",
    "unclassified",
    1,
    True,
    ["refer"],
    {"refer": 1},
]
MALFORMED = [
    *[("risk", value, "risk_unknown") for value in WORDS],
    *[
        (name, value, f"{name}_not_a_list_of_text")
        for name in ("summary", "recommendations")
        for value in (
            None,
            "text",
            [1],
            [None],
            [["a"]],
            {"a": "b"},
            ["a"] * (MAX_ITEMS + 1),
            ["a" * (MAX_TEXT + 1)],
        )
    ],
    *[
        (name, value, f"{name}_not_text")
        for name in ("parent_text", "model_id", "adapter_id", "uncertainty_reason")
        for value in (1, True, ["a"], {"a": "b"}, "a" * (MAX_TEXT + 1))
    ],
    *[
        ("explainability", value, "explainability_malformed")
        for value in (
            None,
            "text",
            {"type": "item", "detail": "x"},
            ["x"],
            [{}],
            [{"type": "item"}],
            [{"detail": "x"}],
            [{"type": 1, "detail": "x"}],
            [{"type": "item", "detail": None}],
            [{"type": "item", "detail": "x", "score": "high"}],
            [{"type": "item", "detail": "x", "score": True}],
            [{"type": "item", "detail": "x", "score": math.nan}],
            [{"type": "item", "detail": "a" * (MAX_TEXT + 1)}],
            [{"type": "item", "detail": "x"}] * (MAX_ITEMS + 1),
        )
    ],
    *[
        ("confidence", value, "confidence_out_of_range")
        for value in (
            -0.01,
            1.01,
            7,
            -1,
            "0.5",
            True,
            [0.5],
            {"value": 0.5},
            math.nan,
            math.inf,
            -math.inf,
            10**400,
            -(10**400),
        )
    ],
    *[
        ("case_id", value, "case_id_of_another_case")
        for value in ("RC-9999", "", 1, ["RC-2041"])
    ],
]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [pytest.param(*row, id=f"{row[0]}={row[1]!r:.24}") for row in MALFORMED],
)
def test_an_answer_with_one_malformed_field_is_unclassified(name, value, problem):
    answer = WHOLE | {name: value}

    checked = check_result(answer, case_id="RC-2041")

    assert checked.risk == UNCLASSIFIED
    assert checked.problems == (problem,)
    assert checked.raw is answer


def test_every_field_of_the_vocabulary_is_checked():
    checked_fields = {name for name, _, _ in MALFORMED}

    assert checked_fields == {*WHOLE, "case_id"}


def test_all_problems_are_named_and_not_only_the_first():
    answer = {"risk": "fine", "summary": 1, "confidence": 7}

    checked = check_result(answer, case_id="RC-2041")

    assert checked.problems == (
        "risk_unknown",
        "summary_not_a_list_of_text",
        "confidence_out_of_range",
    )


@pytest.mark.parametrize("answer", [None, "all is well", 1, True, [], [WHOLE]])
def test_an_answer_that_is_no_object_is_kept_in_one(answer):
    checked = check_result(answer, case_id="RC-2041")

    assert checked.raw == {"answer": answer}
    assert (checked.risk, checked.problems) == (UNCLASSIFIED, ("not_an_object",))


def test_a_model_id_that_is_too_long_is_kept_as_far_as_it_fits():
    checked = check_result(WHOLE | {"model_id": "m" * 500}, case_id="RC-2041")

    assert checked.model_id == "m" * 128


@given(answer=ANY_JSON)
def test_whatever_the_answer_is_it_is_either_believed_or_unclassified(answer):
    checked = check_result(answer, case_id="RC-2041")

    assert isinstance(checked.raw, dict)
    assert (checked.risk == UNCLASSIFIED) == bool(checked.problems)
    assert checked.risk == UNCLASSIFIED or checked.risk == answer["risk"]


@given(model=st.sampled_from(RISING), rules=st.sampled_from(RISING))
def test_the_rules_raise_a_risk_and_never_lower_it(model, rules):
    listed = listed_risk(model, rules)

    assert RISING.index(listed) == max(RISING.index(model), RISING.index(rules))


@given(rules=st.sampled_from(RISING))
def test_an_unusable_answer_is_listed_as_such_or_higher_but_never_as_on_track(rules):
    listed = listed_risk(UNCLASSIFIED, rules)

    assert listed == ("refer" if rules == "refer" else UNCLASSIFIED)


def test_the_vocabulary_is_the_models_own():
    assert [*RISING, UNCLASSIFIED] == list(Risk.values)
