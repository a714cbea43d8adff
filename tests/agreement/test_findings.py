"""What to look at: sentences that the figures write."""

from __future__ import annotations

import pytest

from agreement.figures import Agreement, wilson
from agreement.findings import Compared, look_at


def sentences(said, **groups) -> list[tuple[str, str]]:
    found = look_at(Agreement(said), groups)
    return [(each.kind, f"{each.first} {each.more}".strip()) for each in found]


def group(name, changed=None, found=None) -> Compared:
    return Compared(
        name=name,
        changed=wilson(*changed) if changed else None,
        found=wilson(*found) if found else None,
    )


WELL = {("refer", "", "refer"): 40, ("on_track", "", "on_track"): 60}


def test_where_all_is_well_one_line_says_so():
    assert sentences(WELL) == [
        ("is-ok", "No child signed as Refer had a draft of On track.")
    ]


@pytest.mark.parametrize(
    ("raised", "number", "words"),
    [
        (0, 1, "1 child signed as Refer had a draft of Monitor. The reference rules "
         "had not raised it."),
        (1, 1, "1 child signed as Refer had a draft of Monitor. The reference rules "
         "had raised it before review."),
        (2, 2, "2 children signed as Refer had a draft of Monitor. The reference rules "
         "had raised both before review."),
        (3, 3, "3 children signed as Refer had a draft of Monitor. The reference rules "
         "had raised all of them before review."),
        (1, 3, "3 children signed as Refer had a draft of Monitor. The reference rules "
         "had raised 1 of them before review."),
        (0, 3, "3 children signed as Refer had a draft of Monitor. The reference rules "
         "had raised none of them."),
    ],
)  # fmt: skip
def test_children_whom_the_draft_put_far_lower_come_first(raised, number, words):
    said = WELL | {
        ("monitor", "discuss", "refer"): raised,
        ("monitor", "monitor", "refer"): number - raised,
    }

    assert sentences(said)[0] == ("is-bad", words)


def test_a_child_signed_as_refer_with_a_draft_of_on_track_is_never_well():
    found = sentences(WELL | {("on_track", "", "refer"): 1})

    assert found[0][0] == "is-bad"
    assert "had a draft of On track" in found[0][1]
    assert not any(kind == "is-ok" for kind, _ in found)


def test_low_kappa_and_few_found_are_said():
    said = {
        ("on_track", "refer", "refer"): 14,
        ("refer", "", "on_track"): 10,
        ("refer", "", "refer"): 6,
        ("on_track", "", "on_track"): 10,
    }

    found = sentences(said)

    assert ("is-bad", "Weighted kappa is −0.20, below 0.60.") in found  # noqa: RUF001
    assert (
        "is-bad",
        "The draft finds 30% of the children to refer, fewer than 40%.",
    ) in found


def test_figures_that_are_not_shown_write_no_sentence():
    said = {
        ("on_track", "refer", "refer"): 5,
        ("on_track", "", "on_track"): 3,
        ("refer", "", "on_track"): 1,
        ("unclassified", "", "monitor"): 30,
    }

    assert not any("kappa" in words or "finds" in words for _, words in sentences(said))


def test_many_unusable_drafts_are_said():
    said = WELL | {("unclassified", "", "monitor"): 6}

    assert ("is-todo", "6 of 106 drafts could not be used.") in sentences(said)
    assert len(sentences(WELL | {("unclassified", "", "monitor"): 5})) == 1


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ((25, 236), (16, 109), "Prompt 5 has fewer changed risks than prompt 4 "
         "(11% against 15%), but the intervals overlap."),
        ((60, 200), (4, 200), "Prompt 4 has fewer changed risks than prompt 5 "
         "(2% against 30%), and the intervals do not overlap."),
    ],
)  # fmt: skip
def test_the_two_largest_prompts_are_compared(one, other, words):
    prompts = [group("Prompt 5", one), group("Prompt 4", other), group("x", (1, 99))]

    assert ("is-todo", words) in sentences(WELL, prompt=prompts)


def test_prompts_that_do_alike_or_are_not_shown_are_not_compared():
    alike = [group("Prompt 5", (10, 100)), group("Prompt 4", (10, 100))]
    hidden = [group("Prompt 5", (10, 100)), group("Prompt 4")]

    assert len(sentences(WELL, prompt=alike)) == 1
    assert len(sentences(WELL, prompt=hidden)) == 1


def test_models_are_compared_only_where_they_are_clearly_apart():
    near = [group("a", (25, 236)), group("b", (16, 109))]
    apart = [group("a", (60, 200)), group("b", (4, 200))]

    assert len(sentences(WELL, model=near)) == 1
    [first, _] = sentences(WELL, model=apart)
    assert first[1].startswith("Model b has fewer changed risks than model a")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Under 12 months", "Under 12 months the draft"),
        ("2 to 3 years", "At 2 to 3 years the draft"),
        ("Age not given", "Where the age is not given the draft"),
    ],
)
def test_the_age_at_which_the_draft_finds_fewer_is_named(name, words):
    ages = [group(name, found=(8, 13)), group("12 to 23 months", found=(17, 22))]

    found = sentences(WELL, age=ages)

    assert found[0] == (
        "is-todo",
        f"{words} finds fewer of the children to refer. "
        "The interval is wide: 36% to 82%.",
    )


def test_an_age_that_is_near_all_others_is_not_named():
    ages = [group("2 to 3 years", found=(95, 100))]

    assert len(sentences(WELL, age=ages)) == 1
