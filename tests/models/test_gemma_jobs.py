"""Jobs through the API and a worker to a real Gemma 3 behind `transformers serve`.

Gemma says what it was taught (`tests.models.gemma.answers`), and nothing holds it to
the schema: the server takes `response_format` and leaves it aside.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from milestones.checklist import checklist
from routing.protocols import prompt
from tests.models.gemma.answers import DRAFT
from tests.models.gemma.serving import TransformersServe
from tests.models.job_rows import listed_for_review, problems_of, tries_of
from tests.system.stack import Stack, running, wait_until

pytestmark = pytest.mark.models

PATIENT = {"EDGE_MODEL_PROTOCOL": "openai", "ROUTING_TIMEOUT_SECONDS": 30}
RECORD = {
    "age_months": 24,
    "observations": 'Says "no" a lot.',
    "milestones": {item.key: "yes" for item in checklist(24)},
}
"""Nothing in it for the rules to raise a model's risk by."""


@pytest.fixture(scope="module")
def drafting(served: TransformersServe) -> Iterator[Stack]:
    """A stack whose model drafts as it should."""
    with running(served.url, EDGE_MODEL_NAME="drafts", **PATIENT) as stack:
        yield stack


# --- Good answers -----------------------------------------------------------------


def test_a_job_is_drafted_and_says_by_which_model_and_prompt(drafting):
    job_id = drafting.submit(case_id="two-words", **RECORD)

    job = drafting.ended([job_id])[job_id]

    assert (job["status"], job["target"], job["risk"]) == ("DONE", "edge", "monitor")
    assert job["result"] == DRAFT | {"model_id": "drafts"}
    assert job["model_id"] == "drafts"
    assert job["review_state"] == "REQUIRES_REVIEW"
    assert problems_of(drafting, job_id) == []
    [tried] = tries_of(drafting, job_id)
    assert tried["outcome"] == "answered"
    sent = prompt.provenance(prompt.user_message(RECORD))
    assert {name: tried[name] for name in sent} == sent


def test_a_long_record_is_drafted_as_well(drafting):
    long = RECORD | {"observations": "Points, and waits. " * 200}
    job_id = drafting.submit(case_id="long", **long)

    job = drafting.ended([job_id])[job_id]

    assert (job["status"], job["risk"]) == ("DONE", "monitor")


def test_twenty_jobs_at_once_all_come_back(drafting):
    ids = [
        drafting.submit(case_id=f"one-of-twenty-{n}", age_months=12 + n)
        for n in range(20)
    ]

    jobs = drafting.ended(ids, seconds=120)

    assert {(job["status"], job["model_id"]) for job in jobs.values()} == {
        ("DONE", "drafts")
    }
    assert set(ids) <= listed_for_review(drafting)
    everything = [str(pk) for (pk,) in drafting.rows("SELECT id FROM screening_job")]
    drafting.check_invariants(everything)


# --- Answers that are not believed ------------------------------------------------


def test_a_model_surer_than_sure_is_not_believed_and_goes_to_review(served):
    with running(served.url, EDGE_MODEL_NAME="boasts", **PATIENT) as stack:
        job_id = stack.submit(case_id="boasts", **RECORD)

        job = stack.ended([job_id])[job_id]

        assert (job["status"], job["risk"]) == ("DONE", "unclassified")
        assert job["result"]["risk"] == "on_track"
        assert problems_of(stack, job_id) == ["confidence_out_of_range"]
        assert listed_for_review(stack) == {job_id}
        stack.check_invariants([job_id])


def test_the_rules_raise_a_risk_that_gemma_puts_too_low(served):
    with running(served.url, EDGE_MODEL_NAME="reassures", **PATIENT) as stack:
        job_id = stack.submit(
            case_id="lost-a-skill", age_months=24, flags={"lost_skill": True}
        )

        job = stack.ended([job_id])[job_id]

        assert (job["status"], job["risk"]) == ("DONE", "refer")
        assert job["result"]["risk"] == "on_track"


# --- Answers that cannot be used --------------------------------------------------


@pytest.mark.parametrize(
    ("model", "code", "times_asked"),
    [
        pytest.param("chats", "MODEL_ANSWER_NOT_JSON", 2, id="words"),
        pytest.param("is-cut-short", "MODEL_ANSWER_NOT_JSON", 2, id="half an object"),
        pytest.param("is-silent", "MODEL_GAVE_NO_ANSWER", 1, id="nothing"),
        pytest.param("babbles", "MODEL_ANSWER_CUT_OFF", 1, id="noise without an end"),
        pytest.param("is-not-there", "MODEL_SERVER_ERROR", 1, id="no such model"),
    ],
)
def test_an_unusable_answer_fails_the_job_with_its_code(
    served, model, code, times_asked
):
    before = served.times_asked()
    with running(
        served.url, EDGE_MODEL_NAME=model, JOB_MAX_ATTEMPTS=1, **PATIENT
    ) as stack:
        job_id = stack.submit(case_id="unusable", **RECORD)

        job = stack.ended([job_id])[job_id]

        assert (job["status"], job["error_code"]) == ("FAILED", code)
        assert (job["result"], job["risk"]) == (None, None)
        assert listed_for_review(stack) == set()
        assert served.times_asked() - before == times_asked
        stack.check_invariants([job_id])


def test_where_one_gemma_only_chats_the_next_drafts(served):
    with running(
        served.url,
        EDGE_MODEL_NAME="chats",
        CLOUD_MODEL_URL=served.url,
        CLOUD_MODEL_NAME="drafts",
        CLOUD_MODEL_PROTOCOL="openai",
        **PATIENT,
    ) as stack:
        job_id = stack.submit(case_id="to-the-cloud", **RECORD)

        job = stack.ended([job_id])[job_id]

        assert (job["status"], job["target"]) == ("DONE", "cloud")
        assert (job["risk"], job["model_id"]) == ("monitor", "drafts")
        assert [
            (tried["target"], tried["outcome"]) for tried in tries_of(stack, job_id)
        ] == [("edge", "MODEL_ANSWER_NOT_JSON"), ("cloud", "answered")]
        stack.check_invariants([job_id])


# --- A server that dies -----------------------------------------------------------


def test_a_server_killed_midway_and_started_again_finishes_the_jobs(gemmas, tmp_path):
    server = TransformersServe(gemmas, log=tmp_path / "log", pinned_to="drafts")
    try:
        server.start()
        with running(server.url, **PATIENT) as stack:
            ids = [stack.submit(case_id=f"midway-{n}", **RECORD) for n in range(40)]
            wait_until(lambda: count(stack, "DONE") >= 3, what="some are done")

            server.kill()
            wait_until(lambda: tried_in_vain(stack) > 0, what="one found it gone")
            waiting = count(stack, "PENDING") + count(stack, "RUNNING")
            lost = count(stack, "FAILED")
            server.start()
            jobs = stack.ended(ids, seconds=120)

            assert waiting > 0
            assert lost == 0
            assert {(job["status"], job["risk"]) for job in jobs.values()} == {
                ("DONE", "monitor")
            }
            stack.check_invariants(ids)
    finally:
        server.kill()


def count(stack: Stack, status: str) -> int:
    """Count the jobs of one status."""
    [(found,)] = stack.rows(
        f"SELECT count(*) FROM screening_job WHERE status = '{status}'"
    )
    return found


def tried_in_vain(stack: Stack) -> int:
    """Count the releases of jobs whose server did not answer."""
    [(found,)] = stack.rows(
        "SELECT count(*) FROM audit_audit WHERE action = 'job.released'"
    )
    return found
