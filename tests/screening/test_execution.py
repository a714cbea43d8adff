"""Steps 6 to 10: claim, ask, settle. Each write is fenced by the claim's attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError
from django.utils import timezone

from audit.models import Audit
from routing.errors import (
    ModelAnswerNotJSON,
    ModelServerError,
    ModelServerRejected,
    ModelUnreachable,
)
from screening.models import Job, Review
from screening.results import check_result
from screening.services.execution import (
    claim_jobs,
    renew_leases,
    run_job,
    with_rules,
)
from screening.services.intervention import cancel_job, replay_job
from screening.services.settlement import settle
from tests.screening.making import claimed_job, make_job, outcome, unknown_id
from tests.system.stub_model import StubModel

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
ANSWER = {"risk": "monitor", "summary": ["An answer."], "model_id": "m-1"}


def answered(job, answer=ANSWER):
    result = check_result(answer, case_id=job.case.case_id)
    return with_rules(outcome(job, target="edge", result=result))


def actions(job):
    return list(
        Audit.objects.for_job(job.pk).order_by("id").values_list("action", flat=True)
    )


def test_a_claim_is_for_one_worker_and_counts_an_attempt():
    job = make_job()

    first = claim_jobs([job.pk], worker="w1")
    second = claim_jobs([job.pk], worker="w2")

    assert [claimed.attempt for claimed in first] == [1]
    assert second == []
    assert actions(job) == ["job.submitted", "job.started"]


def test_unknown_and_ended_jobs_are_left_out_of_a_claim():
    ended = make_job()
    cancel_job(ended, actor="user:1")

    assert claim_jobs([unknown_id(), ended.pk], worker="w1") == []


def test_a_result_is_stored_with_its_review_and_its_event():
    job = claimed_job(age_months=24)

    settle([answered(job)], worker="w1")

    job.refresh_from_db()
    assert (job.status, job.model_risk, job.model_id) == ("DONE", "monitor", "m-1")
    assert job.result == ANSWER
    assert job.lease_until is None
    assert Review.objects.get(job=job).state == "REQUIRES_REVIEW"
    assert actions(job) == ["job.submitted", "job.started", "job.completed"]


def test_the_review_begins_as_a_copy_and_is_listed_at_the_higher_risk():
    job = claimed_job(age_months=24, flags={"lost_skill": True})

    settle([answered(job)], worker="w1")

    review = Review.objects.get(job=job)
    assert (review.risk, review.summary) == ("refer", ["An answer."])


def test_a_late_result_of_an_earlier_claim_stores_nothing_but_its_refusal():
    late = claimed_job("w1")
    Job.objects.filter(pk=late.pk).update(status="PENDING", lease_until=None)
    [current] = claim_jobs([late.pk], worker="w2")

    settle([answered(late)], worker="w1")

    current.refresh_from_db()
    assert (current.status, current.attempt, current.result) == ("RUNNING", 2, None)
    assert not Review.objects.exists()
    assert actions(late)[-1] == "job.stale_result_refused"


def test_a_result_that_comes_twice_is_stored_once():
    job = claimed_job()

    settle([answered(job)], worker="w1")
    settle([answered(job)], worker="w1")

    assert Review.objects.count() == 1
    assert actions(job).count("job.completed") == 1


def test_nothing_is_stored_when_the_audit_event_cannot_be(monkeypatch):
    job = claimed_job()

    def refuse(*told):
        raise DatabaseError

    for name in ("record", "record_beside"):
        monkeypatch.setattr(f"screening.services.settlement.{name}", refuse)
    with pytest.raises(DatabaseError):
        settle([answered(job)], worker="w1")

    job.refresh_from_db()
    assert (job.status, job.result) == ("RUNNING", None)
    assert not Review.objects.exists()


def test_one_result_that_cannot_be_stored_fails_its_job_and_no_other():
    good, bad = claimed_job(case_id="good"), claimed_job(case_id="bad")
    refused_by_the_database = replace(answered(bad), target=None)

    settle([answered(good), refused_by_the_database], worker="w1")

    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.status, good.error_code) == ("DONE", "")
    assert (bad.status, bad.error_code) == ("FAILED", "RESULT_NOT_STORABLE")
    assert actions(bad)[-1] == "job.failed"


@pytest.mark.parametrize(
    ("error", "failures", "status", "code"),
    [
        pytest.param(ModelUnreachable("x"), 0, "PENDING", "", id="first failure"),
        pytest.param(ModelUnreachable("x"), 28, "PENDING", "", id="last but one"),
        pytest.param(
            ModelUnreachable("x"), 29, "FAILED", "MODEL_UNREACHABLE", id="last"
        ),
        pytest.param(ModelAnswerNotJSON("x"), 1, "PENDING", "", id="garbage"),
        pytest.param(
            ModelAnswerNotJSON("x"),
            2,
            "FAILED",
            "MODEL_ANSWER_NOT_JSON",
            id="garbage 3",
        ),
        pytest.param(ModelServerRejected("x"), 0, "FAILED", "MODEL_REJECTED", id="4xx"),
    ],
)
def test_a_failure_is_tried_again_until_its_cap(error, failures, status, code):
    job = claimed_job()
    job.failures = failures

    settle([outcome(job, error=error)], worker="w1")

    job.refresh_from_db()
    assert (job.status, job.error_code, job.failures) == (status, code, failures + 1)


def test_pauses_double_up_to_a_longest_and_a_server_may_ask_for_more():
    pauses = []
    for failures, error in [
        (0, ModelUnreachable("x")),
        (3, ModelUnreachable("x")),
        (20, ModelUnreachable("x")),
        (0, ModelServerError("x", retry_after=900.0)),
    ]:
        job = claimed_job(case_id=f"case-{len(pauses)}")
        job.failures = failures
        settle([outcome(job, error=error)], worker="w1")
        job.refresh_from_db()
        pauses.append((job.not_before - timezone.now()).total_seconds())

    assert 1 < pauses[0] < 3
    assert 11 < pauses[1] < 21
    assert 220 < pauses[2] < 380
    assert 890 < pauses[3] < 901


def test_leases_are_renewed_only_for_who_holds_them():
    mine, theirs = claimed_job("w1", case_id="a"), claimed_job("w2", case_id="b")
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    lost = renew_leases([mine, theirs], worker="w1")

    assert lost == {theirs.pk}
    assert set(Job.objects.expired().values_list("pk", flat=True)) == {theirs.pk}


def test_a_job_runs_from_claim_to_draft_in_one_call(settings):
    model = StubModel()
    settings.EDGE_MODEL_URL = model.url
    job = make_job(age_months=24)

    run_job(job.pk, worker="w1")
    run_job(job.pk, worker="w2")
    model.stop()

    job.refresh_from_db()
    assert (job.status, job.target, job.attempt) == ("DONE", "edge", 1)
    assert job.route[0]["tries"][0]["outcome"] == "answered"
    assert sum(model.calls.values()) == 1


def test_a_failed_job_runs_again_when_asked_and_counts_on():
    job = claimed_job()
    settle([outcome(job, error=ModelServerRejected("x"))], worker="w1")
    job.refresh_from_db()

    replay_job(job, actor="user:1")
    [again] = claim_jobs([job.pk], worker="w1")

    assert (again.attempt, again.failures, again.error_code) == (2, 0, "")
    assert actions(job)[-2:] == ["job.replayed", "job.started"]
