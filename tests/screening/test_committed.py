"""What a draft is held to is the same, whether it is written once or by its values."""

from __future__ import annotations

import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from screening.documents.committed import draft_bytes, plain_draft

JOB = uuid.UUID("018f0000-0000-7000-8000-000000000001")
NUMBERS = st.sampled_from([0, 7, 0.25, 1.0, -0.0, 2**53, 1e300, 6 / 7])
TEXTS = st.text(max_size=8) | st.sampled_from(['"made":[]', ".0,", "}", '{"id":1'])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=8,
)


def draft(result: object, *tries: object) -> dict[str, object]:
    return {
        "id": JOB,
        "attempt": 3,
        "route": list(tries),
        "target": "edge",
        "result": result,
        "result_problems": ["summary: too long"],
        "model_id": "m-1",
        "model_risk": "monitor",
        "rules_risk": "refer",
        "risk": "refer",
    }


@given(JSON, st.lists(JSON, max_size=3))
def test_a_draft_that_is_written_once_is_the_one_that_is_committed_to(result, tries):
    values = draft(result, *tries)

    written = plain_draft(JOB, values)

    if written is not None:
        assert written.content.encode() == draft_bytes(JOB, values)
        assert json.loads(written.made) == tries[-1:]


@pytest.mark.parametrize("number", [7, 0.25, 6 / 7, "1.0"])
def test_a_usual_draft_is_written_once(number):
    values = draft({"summary": ["Zoë said one word."], "n": number}, {"score": number})

    assert plain_draft(JOB, values)


@pytest.mark.parametrize("number", [1.0, -0.0, 2**53])
def test_a_draft_is_not_where_a_number_may_not_stand_as_it_is(number):
    assert plain_draft(JOB, draft({"n": number}, {"score": 1})) is None
    assert plain_draft(JOB, draft({"n": 1}, {"score": number})) is None
