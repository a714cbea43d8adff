"""What holds of the rules whatever the input."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from milestones.checklist import AGES, checklist, items
from milestones.rules import RISK_ORDER, assess

PIECES = [
    "not walking yet. ",
    "walks well, ",
    "only 5 words ",
    "no concerns ",
    "worried about speech. ",
    "used to wave ",
    "but stopped ",
    "no longer says mama ",
    "now ",
    "isn't ",
    "until ",
    "if ",
    "? no. ",
    "\n",
    "\U0001f600\u0130\ud800",
]
ages = st.none() | st.integers(0, 240)
weeks = st.none() | st.integers(22, 44)
keys = st.sampled_from(sorted(items()))
values = st.sampled_from(["yes", "yes", "not_yet", "not_sure"])
answer_sets = st.dictionaries(keys | st.text(max_size=8), values, max_size=40)
flag_sets = st.dictionaries(
    st.sampled_from(["lost_skill", "parent_concern", "other"]), st.booleans()
)
notes = st.text(max_size=200) | st.lists(st.sampled_from(PIECES)).map("".join)


@st.composite
def submissions(draw):
    """Any submission; half of the time the checklist of the age is well answered."""
    age = draw(ages)
    answers = draw(answer_sets)
    own = [
        item.key
        for item in checklist(max((a for a in AGES if a <= (age or 0)), default=2))
    ]
    if draw(st.booleans()):
        answers |= dict.fromkeys(own, "yes") | draw(
            st.dictionaries(st.sampled_from(own), values, max_size=2)
        )
    return {
        "age_months": age,
        "gestational_weeks": draw(weeks),
        "answers": answers,
        "flags": draw(flag_sets),
        "observations": draw(notes),
    }


def level(submission):
    return RISK_ORDER.index(assess(**submission)["risk"])


@given(submissions())
def test_there_is_always_an_answer_in_the_vocabulary(submission):
    result = assess(**submission)

    assert result["risk"] in RISK_ORDER
    assert 0 <= result["confidence"] <= 1
    json.dumps(result).encode()


@given(submissions(), st.randoms())
def test_the_same_input_gives_the_same_bytes(submission, random):
    shuffled = list(submission["answers"].items())
    random.shuffle(shuffled)

    first = json.dumps(assess(**submission))
    assert json.dumps(assess(**submission)) == first
    assert json.dumps(assess(**(submission | {"answers": dict(shuffled)}))) == first


@given(submissions(), keys)
def test_a_not_yet_never_lowers_the_risk(submission, key):
    worse = submission | {"answers": submission["answers"] | {key: "not_yet"}}

    assert level(worse) >= level(submission)


@given(submissions())
def test_a_note_never_lowers_the_risk(submission):
    assert level(submission) >= level(submission | {"observations": ""})


@given(submissions())
def test_a_flag_never_lowers_the_risk(submission):
    flags = submission["flags"] | {"parent_concern": True}

    assert level(submission | {"flags": flags}) >= level(submission)


@given(submissions())
def test_a_lost_skill_always_refers(submission):
    flags = submission["flags"] | {"lost_skill": True}

    assert assess(**(submission | {"flags": flags}))["risk"] == "refer"


@given(submissions())
def test_a_note_alone_is_never_on_track(submission):
    assert assess(**(submission | {"answers": {}}))["risk"] != "on_track"


@given(submissions())
def test_on_track_has_half_of_the_list_answered_and_nothing_against_it(submission):
    result = assess(**submission)

    if result["risk"] == "on_track":
        own = [item.key for item in checklist(result["checklist_age_months"])]
        given_ = [
            submission["answers"][key] for key in own if key in submission["answers"]
        ]
        assert set(given_) == {"yes"}
        assert len(given_) * 2 >= len(own)
        assert not submission["flags"].get("lost_skill")
        assert not submission["flags"].get("parent_concern")
