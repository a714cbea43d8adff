"""What a signature means, and what is left before it may be given."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.reports import (
    Report,
    changes,
    digest_of,
    left_to_do,
    meaning_of,
    outcome_of,
    report_of,
)
from screening.results import RISING

DRAFT = Report(
    risk="monitor",
    summary=("One.", "Two."),
    recommendations=("Play.",),
    parent_text="Hi.",
)
NONE = Report(risk="unclassified")
READY = {
    "listed": "monitor",
    "reason_code": "",
    "reason_text": "",
    "unacknowledged": (),
    "family_approved": True,
    "unsafe_for_family": (),
    "second_read_for": "",
    "second_risk": "",
    "decided_risk": "",
}
reports = st.builds(
    Report,
    risk=st.sampled_from(RISING),
    summary=st.lists(st.sampled_from(["One.", "Two."]), max_size=2).map(tuple),
    recommendations=st.lists(st.sampled_from(["Play."]), max_size=1).map(tuple),
    parent_text=st.sampled_from(["", "Hi."]),
)


def left(report=DRAFT, **fields):
    return [todo.code for todo in left_to_do(report, **READY | fields)]


@pytest.mark.parametrize(
    ("changed", "fields", "outcome"),
    [
        ({}, [], "approved"),
        ({"summary": ("One.",)}, ["summary"], "modified"),
        ({"risk": "discuss"}, ["risk"], "overrode"),
        (
            {"risk": "discuss", "parent_text": "Ho."},
            ["risk", "parent_text"],
            "overrode",
        ),
    ],
)
def test_the_outcome_follows_from_the_differences(changed, fields, outcome):
    found = changes(DRAFT, replace(DRAFT, **changed))

    assert [change.field for change in found] == fields
    assert outcome_of(found) == outcome


def test_the_sentences_are_those_of_the_desk():
    moved = replace(DRAFT, risk="discuss", summary=("One.",))
    assert meaning_of(DRAFT, DRAFT) == (
        "I have read what was reported, the checklist and the draft. I agree with the "
        "draft and changed nothing. The family may read the family text."
    )
    assert "as drafted; I changed 1 other field." in meaning_of(
        DRAFT, replace(DRAFT, summary=())
    )
    assert (
        "This report is my own assessment. I changed the risk from Monitor to Discuss "
        "and 1 other field." in meaning_of(DRAFT, moved)
    )
    assert "There was no usable draft." in meaning_of(NONE, DRAFT)
    assert "family" not in meaning_of(NONE, replace(DRAFT, parent_text=""))


@given(reports, reports)
def test_only_an_unchanged_report_agrees_and_only_a_moved_risk_overrides(draft, report):
    found = changes(draft, report)

    assert (outcome_of(found) == "approved") == (draft == report)
    assert (outcome_of(found) == "overrode") == (draft.risk != report.risk)


def test_the_digest_is_of_the_content_and_not_of_its_order():
    assert digest_of({"a": 1, "b": "ä"}) == digest_of({"b": "ä", "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    assert len(digest_of({})) == 64


def test_what_is_missing_of_a_draft_is_empty():
    assert report_of({"risk": None, "summary": None}) == NONE


# --- What is left -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("report", "fields", "codes"),
    [
        (DRAFT, {}, []),
        (NONE, {"listed": "unclassified"}, ["risk"]),
        (DRAFT, {"unacknowledged": ("diagnosis", "promise")}, ["flag", "flag"]),
        (replace(DRAFT, risk="discuss"), {}, ["reason"]),
        (replace(DRAFT, risk="discuss"), {"reason_code": "concern"}, ["reason"]),
        (
            replace(DRAFT, risk="discuss"),
            {"reason_code": "concern", "reason_text": " "},
            ["reason"],
        ),
        (
            replace(DRAFT, risk="discuss"),
            {"reason_code": "concern", "reason_text": "So."},
            [],
        ),
        (DRAFT, {"listed": "unclassified"}, []),
        (DRAFT, {"family_approved": False}, ["family"]),
        (replace(DRAFT, parent_text=""), {"family_approved": False}, []),
        (DRAFT, {"unsafe_for_family": ("promise",)}, ["unsafe"]),
        (DRAFT, {"second_read_for": "drawn"}, ["second_read"]),
        (DRAFT, {"second_read_for": "drawn", "second_risk": "monitor"}, []),
        (
            DRAFT,
            {"second_read_for": "drawn", "second_risk": "refer"},
            ["adjudication"],
        ),
        (
            DRAFT,
            {
                "second_read_for": "drawn",
                "second_risk": "refer",
                "decided_risk": "refer",
            },
            ["decided"],
        ),
        (
            DRAFT,
            {
                "second_read_for": "drawn",
                "second_risk": "refer",
                "decided_risk": "monitor",
            },
            [],
        ),
    ],
)
def test_each_thing_that_is_left_is_named(report, fields, codes):
    assert left(report, **fields) == codes


@given(st.sampled_from([risk for risk in RISING if risk != "refer"]))
def test_a_refer_is_never_lowered_without_a_second_reader(risk):
    report = replace(DRAFT, risk=risk)
    reason = {"reason_code": "other", "reason_text": "So."}

    assert left(report, listed="refer", **reason) == ["second_read"]
    assert left(report, listed="refer", second_risk=risk, **reason) == []
    assert left(report, listed="refer", second_risk="refer", **reason) == [
        "adjudication"
    ]
