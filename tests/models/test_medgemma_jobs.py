"""Jobs through the API and a worker to our own server with a tiny Gemma 3."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.models.gemma.answers import DRAFT
from tests.models.job_rows import listed_for_review, problems_of, tries_of
from tests.models.medgemma_server import MedGemmaServer, floats
from tests.models.test_medgemma_answers import NAMED, RECORD, WORDS
from tests.system.stack import Stack, running

pytestmark = pytest.mark.models

FIELDS = {name: RECORD[name] for name in ("age_months", "observations", "milestones")}


@pytest.fixture(scope="module")
def stack(medgemma: MedGemmaServer, babbling: MedGemmaServer) -> Iterator[Stack]:
    """A stack whose edge drafts as it should, and whose cloud says noise."""
    with running(
        f"{medgemma.url}/infer",
        CLOUD_MODEL_URL=f"{babbling.url}/infer",
        ROUTING_TIMEOUT_SECONDS=30,
    ) as stack:
        yield stack


def test_jobs_at_once_are_drafted_in_batches_and_say_by_what(stack, medgemma):
    before = medgemma.metrics()
    ids = [stack.submit(case_id=f"zq-child-{n}", **FIELDS) for n in range(10)]

    jobs = stack.ended(ids)

    after = medgemma.metrics()
    for job in jobs.values():
        assert (job["status"], job["target"], job["risk"]) == (
            *("DONE", "edge"),
            "monitor",
        )
        assert job["result"] == DRAFT | NAMED
        assert job["model_id"] == "drafts"
        assert job["review_state"] == "REQUIRES_REVIEW"
    assert set(ids) <= listed_for_review(stack)
    assert problems_of(stack, ids[0]) == []
    size, count = (
        after[name] - before[name]
        for name in ("modelserver_batch_size_sum", "modelserver_batch_size_count")
    )
    assert size == 10
    assert count < 10
    assert WORDS not in medgemma.log


def test_a_jobs_embedding_goes_along_and_is_said_not_to_have_been_read(stack):
    job_id = stack.submit(
        case_id="zq-embedded", embedding_b64=floats(1), shape=[1, 256], **FIELDS
    )

    job = stack.ended([job_id])[job_id]

    assert job["risk"] == "monitor"
    assert job["result"]["uncertainty_reason"] == "Not given to the model: embedding."


def test_noise_is_a_draft_of_no_use_that_a_clinician_sees(stack):
    job_id = stack.submit(case_id="zq-noise", preferred_target="cloud", **FIELDS)

    job = stack.ended([job_id])[job_id]

    assert (job["status"], job["target"]) == ("DONE", "cloud")
    assert job["risk"] == "unclassified"
    assert job["review_state"] == "REQUIRES_REVIEW"
    assert problems_of(stack, job_id) == ["risk_unknown"]
    assert job["result"]["answer"]
    assert [tried["outcome"] for tried in tries_of(stack, job_id)] == ["answered"]
    assert job_id in listed_for_review(stack)
