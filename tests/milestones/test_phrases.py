"""The phrase data, and that reading a note takes no longer than it should."""

from __future__ import annotations

import json
import sys

import pytest

from milestones import phrases
from milestones.checklist import AGES, items
from milestones.free_text import read
from milestones.words import words


@pytest.mark.parametrize("age", AGES)
def test_findings_name_items_of_the_childs_list_or_the_one_before(age):
    earlier = max((a for a in AGES if a < age), default=age)
    for skill in phrases.skills().values():
        for key in skill.keys([age, earlier]):
            assert items()[key].age_months in {age, earlier}


def test_phrases_point_at_items_that_exist():
    for skill in phrases.skills().values():
        assert skill.against
        assert set(skill.against) <= set(items())


def test_one_statement_counts_against_one_item_of_a_list():
    for skill in phrases.skills().values():
        ages = [items()[key].age_months for key in skill.against]
        assert len(ages) == len(set(ages))


def test_no_phrase_means_two_skills():
    data = json.loads(phrases.DATA.read_bytes())
    owner = {}
    for row in data["skills"]:
        for written in row["verbs"] + row["nouns"] + row["missing"]:
            stems = tuple(word.stem for word in words(written))
            assert stems
            assert owner.setdefault(stems, row["skill"]) == row["skill"], written
    for written in data["not_meant"]:
        assert tuple(word.stem for word in words(written)) not in owner, written


def steps(text):
    """Count the lines of Python run to read ``text``."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read(text, 18)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "seed",
    [
        "a ",
        "not walk ",
        "not walking, ",
        "used to wave stopped ",
        "no walk problem ",
        "only 1 ",
        "1 or ",
        "9",
        "n't'",
        " -- ",
        "walk? no ",
        "put things in a ",
        "not pointing or ",
        "don't wave anymore now ",
        "if not walking until ",
        "\u0130\u0390\ufdfa",
        "worried.",
    ],
)
def test_the_work_grows_with_the_length_of_the_note_and_no_faster(seed):
    read(seed, 18)
    once = steps((seed * 2000)[:2000])
    twice = steps((seed * 4000)[:4000])

    assert twice <= 2.2 * once + 200
    assert once < 200 * 2000
