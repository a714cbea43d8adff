"""Whether the log is complete: each job and each signature has its event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from audit.actions import Action
from audit.models import Audit
from audit.verification import Verdict
from routing.errors import ModelServerRejected
from screening.completeness import GAPS
from screening.events import job_event
from screening.models import Addendum, Job, Review, Signature
from screening.results import check_result
from screening.services.execution import claim_jobs, with_rules
from screening.services.intervention import cancel_job, replay_job
from screening.services.review import review_event
from screening.services.settlement import settle
from screening.services.signing import add_addendum, record
from tests.audit.tampering import kinds, look, make_log, run, unlock_all
from tests.screening.making import claimed_job, make_job, outcome
from tests.screening.signing import PASSWORD, sign, unlock

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
ANSWER = {"risk": "monitor", "summary": ["Says two words."], "model_id": "m-1"}


def complete() -> Verdict:
    return look(gaps=GAPS)


def done(job: Job) -> Job:
    result = check_result(ANSWER, case_id=job.case.case_id)
    settle([with_rules(outcome(job, target="edge", result=result))], worker="w1")
    return job


def failed(job: Job) -> Job:
    settle([outcome(job, error=ModelServerRejected("x"))], worker="w1")
    return Job.objects.get(pk=job.pk)


def signed(job: Job) -> Review:
    review = Review.objects.select_related("job__case", "job__clinic").get(job=job)
    return sign(review)


@pytest.fixture
def jobs() -> dict[str, Job]:
    """Jobs in every state, one of them run twice, one signed and added to."""
    made = {
        "waiting": make_job(case_id="a"),
        "running": claimed_job(case_id="b"),
        "done": done(claimed_job(case_id="c")),
        "failed": failed(claimed_job(case_id="d")),
        "cancelled": make_job(case_id="e"),
        "again": failed(claimed_job(case_id="f")),
    }
    cancel_job(made["cancelled"], actor="user:1")
    replay_job(made["again"], actor="user:1")
    [again] = claim_jobs([made["again"].pk], worker="w1")
    failed(again)
    replay_job(made["again"], actor="user:1")
    [again] = claim_jobs([made["again"].pk], worker="w1")
    done(again)
    review = signed(made["done"])
    for text in ("Hears well.", "Sees well."):
        add_addendum(review, user=review.signed_off_by, password=PASSWORD, text=text)
    return made


def forget(job: Job, action: Action, *, newest: bool = False) -> None:
    """Take the events away; what is not sealed leaves no other trace."""
    unlock_all()
    gone = Audit.objects.for_job(job.pk).filter(action=action).order_by("-pk")
    for pk in gone.values_list("pk", flat=True)[: 1 if newest else None]:
        run("DELETE FROM audit_pending WHERE event_id = %s", pk)
        run("DELETE FROM audit_audit WHERE id = %s", pk)


def expect(kind: str, job: Job) -> None:
    verdict = complete()

    assert kinds(verdict) == {kind}
    assert {each.job for each in verdict.findings.shown()} == {str(job.pk)}


def test_jobs_in_every_state_have_their_events(jobs):
    assert {job.status for job in Job.objects.all()} == set(Job.Status)
    assert Addendum.objects.count() == 2
    assert complete().is_whole
    make_log(1)
    assert complete().is_whole


@pytest.mark.parametrize("state", ["waiting", "done", "cancelled"])
def test_a_job_whose_submission_the_log_has_not_is_found(jobs, state):
    forget(jobs[state], Action.JOB_SUBMITTED)

    expect("job_not_submitted", jobs[state])


def test_a_job_that_was_submitted_twice_by_the_log_is_found(jobs):
    record([job_event(jobs["waiting"], Action.JOB_SUBMITTED, "key:test")])

    expect("job_submitted_twice", jobs["waiting"])


def test_a_submission_after_the_end_says_that_the_job_has_not_ended(jobs):
    record([job_event(jobs["done"], Action.JOB_SUBMITTED, "key:test")])

    assert kinds(complete()) == {"job_submitted_twice", "job_not_ended"}


@pytest.mark.parametrize(
    ("state", "action"),
    [
        ("done", Action.JOB_COMPLETED),
        ("again", Action.JOB_COMPLETED),
        ("failed", Action.JOB_FAILED),
        ("cancelled", Action.JOB_CANCELLED),
    ],
)
def test_a_job_whose_end_the_log_has_not_is_found(jobs, state, action):
    forget(jobs[state], action)

    expect("job_not_ended", jobs[state])


def test_a_job_that_was_run_again_must_have_ended_again(jobs):
    job = jobs["failed"]
    replay_job(job, actor="user:1")
    [again] = claim_jobs([job.pk], worker="w1")
    failed(again)
    assert complete().is_whole

    forget(job, Action.JOB_FAILED, newest=True)

    expect("job_not_ended", job)


def test_a_signature_that_the_log_has_not_is_found(jobs):
    forget(jobs["done"], Action.REVIEW_SIGNED)

    expect("signature_without_event", jobs["done"])


@pytest.mark.parametrize("newest", [True, False])
def test_an_addendum_that_the_log_has_not_is_found(jobs, newest):
    forget(jobs["done"], Action.REVIEW_ADDED_TO, newest=newest)

    expect("addendum_without_event", jobs["done"])
    assert complete().findings.total == (1 if newest else 2)


def test_a_signature_under_another_content_than_the_logs_is_found(jobs):
    unlock_all()
    event = Audit.objects.get(action=Action.REVIEW_SIGNED)
    other = {**event.detail, "commitment": "0" * 64}
    run("UPDATE audit_audit SET detail = %s WHERE id = %s", json.dumps(other), event.pk)

    assert kinds(complete()) == {"column_differs", "signature_without_event"}


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("signature", "content = REPLACE(CAST(content AS TEXT), 'monitor', 'refer')%s"),
        ("signature", "content_digest = 'ab'"),
        ("addendum", "text = 'Hears nothing.'"),
        ("addendum", "content_digest = 'ab'"),
    ],
)
def test_what_was_signed_changed_in_the_database_is_found(jobs, table, change):
    unlock(f"screening_{table}")
    as_json = "::jsonb" if connection.vendor == "postgresql" else ""
    run(f"UPDATE screening_{table} SET {change.replace('%s', as_json)}")

    expect(f"{table}_without_event", jobs["done"])


def test_what_was_signed_is_not_vouched_for_without_its_salt(jobs):
    unlock("screening_job")
    Job.objects.filter(pk=jobs["done"].pk).update(salt=None)

    expect_all({"signature_without_event", "addendum_without_event"})


def test_a_signature_of_before_there_were_commitments_is_held_by_its_digest(jobs):
    signed = Signature.objects.get()
    write_as_before(Action.REVIEW_SIGNED, digest=signed.content_digest)
    for each in Addendum.objects.all():
        number, digest = each.number, each.content_digest
        write_as_before(Action.REVIEW_ADDED_TO, number=number, digest=digest)
    assert complete().is_whole

    unlock("screening_signature")
    run("UPDATE screening_signature SET content_digest = 'ab'")

    expect("signature_without_event", jobs["done"])


def test_an_event_written_later_takes_no_signature_back(jobs):
    detail = {"version": 1, "commitment": "0" * 64}
    review = Review.objects.select_related("job__case", "job__clinic").get(
        job=jobs["done"]
    )
    record([review_event(review, Action.REVIEW_SIGNED, review.signed_off_by, **detail)])

    assert complete().is_whole


def write_as_before(action: Action, **detail: Any) -> None:
    """Put events in the place of those that are there, without commitments."""
    review = Review.objects.select_related("job__case", "job__clinic").get(
        signature__isnull=False
    )
    if detail.get("number", 1) == 1:
        forget(review.job, action)
    record([review_event(review, action, review.signed_off_by, **detail)])


def expect_all(expected: set[str]) -> None:
    assert kinds(complete()) == expected


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ("waiting", {"status": "RUNNING", "lease_until": Now()}),
        ("waiting", {"attempt": 1}),
        ("running", {"status": "PENDING", "lease_until": None}),
        ("running", {"attempt": 2}),
        ("failed", {"status": "PENDING", "finished_at": None, "error_code": ""}),
    ],
)
def test_a_job_under_way_whose_state_was_changed_by_hand_is_found(jobs, state, values):
    unlock("screening_job")
    Job.objects.filter(pk=jobs[state].pk).update(**values)

    expect("job_state_differs", jobs[state])


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ("cancelled", {"status": "FAILED", "error_code": "X"}),
        ("failed", {"attempt": 2}),
        ("running", {"status": "CANCELLED", "finished_at": Now(), "lease_until": None}),
    ],
)
def test_a_job_that_was_ended_by_hand_is_found(jobs, state, values):
    unlock("screening_job")
    Job.objects.filter(pk=jobs[state].pk).update(**values)

    expect("job_not_ended", jobs[state])


def test_asking_costs_no_more_queries_for_more_jobs(
    jobs, django_assert_max_num_queries
):
    with django_assert_max_num_queries(9):
        assert [list(gap.jobs()) for gap in GAPS] == [[]] * len(GAPS)
