"""Jobs through the API and a worker to a real llama.cpp server, good and bad."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from milestones.checklist import checklist
from routing.protocols import prompt
from screening.results import RISING
from tests.models import llamacpp
from tests.models.job_rows import listed_for_review, problems_of, tries_of
from tests.system.stack import Stack, free_port, running, wait_until

pytestmark = [pytest.mark.system, pytest.mark.slow]

PATIENT = {"EDGE_MODEL_PROTOCOL": "openai", "ROUTING_TIMEOUT_SECONDS": 30}
UNUSABLE = [
    pytest.param(llamacpp.WILD, "MODEL_ANSWER_CUT_OFF", id="wild"),
    pytest.param(llamacpp.GARBLED, "MODEL_SERVER_ERROR", id="garbled"),
]
RECORD = {"age_months": 24, "observations": 'Says "no" a lot.'}
ALL_YES = {item.key: "yes" for item in checklist(24)}


@pytest.fixture(scope="module")
def tidy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack at a server whose model ends what it begins."""
    folder = tmp_path_factory.mktemp("tidy")
    with (
        llamacpp.serving(folder, likes=llamacpp.TIDY) as url,
        running(url, **PATIENT) as stack,
    ):
        yield stack


def test_a_job_is_drafted_and_says_by_which_model_and_prompt(tidy):
    job_id = tidy.submit(case_id="two-words", **RECORD)

    job = tidy.ended([job_id])[job_id]

    assert (job["status"], job["target"]) == ("DONE", "edge")
    assert job["risk"] in RISING
    assert job["model_id"] == job["result"]["model_id"] == llamacpp.NAME
    assert set(job["result"]) == {*prompt.schema()["properties"], "model_id"}
    assert problems_of(tidy, job_id) == []
    [tried] = tries_of(tidy, job_id)
    assert tried["outcome"] == "answered"
    sent = prompt.provenance(prompt.user_message(RECORD))
    assert {name: tried[name] for name in sent} == sent


def test_two_records_have_one_prompt_and_two_inputs(tidy):
    ids = [
        tidy.submit(case_id="record-1", observations="Waves at the cat."),
        tidy.submit(case_id="record-2", observations="Waves at the dog."),
    ]
    tidy.ended(ids)

    [[first], [second]] = [tries_of(tidy, job_id) for job_id in ids]

    assert first["prompt_sha256"] == second["prompt_sha256"]
    assert first["input_sha256"] != second["input_sha256"]


def test_twenty_jobs_at_once_all_come_back(tidy):
    ids = [
        tidy.submit(case_id=f"one-of-twenty-{n}", age_months=12 + n) for n in range(20)
    ]

    jobs = tidy.ended(ids, seconds=120)

    assert {job["status"] for job in jobs.values()} == {"DONE"}
    assert {job["model_id"] for job in jobs.values()} == {llamacpp.NAME}
    assert {job["risk"] for job in jobs.values()} <= set(RISING)
    assert set(ids) <= listed_for_review(tidy)
    everything = [str(pk) for (pk,) in tidy.rows("SELECT id FROM screening_job")]
    tidy.check_invariants(everything)


def test_a_model_surer_than_sure_is_not_believed_and_goes_to_review(tmp_path):
    with (
        llamacpp.serving(tmp_path, likes=llamacpp.BOASTFUL) as url,
        running(url, **PATIENT) as stack,
    ):
        job_id = stack.submit(case_id="boasts", age_months=24, milestones=ALL_YES)

        job = stack.ended([job_id])[job_id]

        assert (job["status"], job["risk"]) == ("DONE", "unclassified")
        assert job["review_state"] == "REQUIRES_REVIEW"
        assert job["result"]["confidence"] > 1
        assert problems_of(stack, job_id) == ["confidence_out_of_range"]
        assert listed_for_review(stack) == {job_id}
        stack.check_invariants([job_id])


@pytest.mark.parametrize(("likes", "code"), UNUSABLE)
def test_a_model_that_talks_nonsense_fails_the_job_with_its_code(tmp_path, likes, code):
    with (
        llamacpp.serving(tmp_path, likes=likes) as url,
        running(url, JOB_MAX_ATTEMPTS=2, **PATIENT) as stack,
    ):
        job_id = stack.submit(case_id="nonsense", **RECORD)

        job = stack.ended([job_id], seconds=120)[job_id]

        assert (job["status"], job["error_code"]) == ("FAILED", code)
        assert job["result"] is None
        assert [tried["outcome"] for tried in tries_of(stack, job_id)] == [code, code]
        assert listed_for_review(stack) == set()
        stack.check_invariants([job_id])


@pytest.mark.parametrize(("likes", "code"), UNUSABLE)
def test_where_the_edge_talks_nonsense_the_cloud_drafts(tmp_path, likes, code):
    port = free_port()
    cloud = {"CLOUD_MODEL_URL": f"http://127.0.0.1:{port}/infer"}
    with (
        llamacpp.serving(tmp_path, likes=likes) as url,
        running(url, **cloud, **PATIENT) as stack,
    ):
        stack.start("manage.py", "modelserver", "--port", str(port), log="cloud")
        wait_until(lambda: str(port) in stack.log("cloud"), what="the cloud is there")
        job_id = stack.submit(case_id="to-the-cloud", **RECORD)

        job = stack.ended([job_id], seconds=120)[job_id]

        assert (job["status"], job["target"]) == ("DONE", "cloud")
        assert job["risk"] in RISING
        assert [
            (tried["target"], tried["outcome"]) for tried in tries_of(stack, job_id)
        ] == [("edge", code), ("cloud", "answered")]
        stack.check_invariants([job_id])
