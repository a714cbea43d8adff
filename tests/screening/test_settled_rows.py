"""What many rows in one statement must keep: every value, every limit, every trace."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import DataError, connection
from django.test.utils import CaptureQueriesContext
from rq.job import Job as RQJob

from audit.actions import Action
from audit.models import Audit
from audit.proofs.commitments import opens
from audit.proofs.contents import content_text
from claims.statements import insert_returning
from screening.documents.committed import draft_bytes
from screening.models import Case, Job, Review
from screening.registration import RegisteredWorker
from screening.results import check_result
from screening.services.execution import claim_jobs, with_rules
from screening.services.keys import default_clinic
from screening.services.settlement import settle
from tests.screening.making import make_job, outcome

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("redis")]
ODD = [
    "She said \"no\", 100% of the time; C:\\new \\u0041 %s {} 'x'",
    "Zoë läuft \N{EN DASH} 子供 🧸\n\t\N{HEBREW LETTER SHIN}",
    "",
]


def claimed(number: int) -> list[Job]:
    made = [make_job(case_id=f"case-{n}", age_months=20) for n in range(number)]
    return claim_jobs([job.pk for job in made], worker="w1")


def settled(jobs: list[Job], **draft: object) -> None:
    settle(
        [
            with_rules(
                outcome(
                    job,
                    target="edge",
                    result=check_result(
                        {"risk": "monitor", **draft}, case_id=job.case.case_id
                    ),
                )
            )
            for job in jobs
        ],
        worker="w1",
    )


def test_a_draft_is_stored_and_copied_to_its_review_letter_by_letter():
    extra = {"n": 2**53 + 1, "f": 0.1, "none": None, "deep": [{"a": [True, []]}]}
    [job] = claimed(1)

    settled([job], summary=ODD, recommendations=[], parent_text=ODD[1], extra=extra)

    stored = Job.objects.get(pk=job.pk)
    review = Review.objects.get(job_id=job.pk)
    assert stored.result["extra"] == extra
    assert stored.result["summary"] == review.summary == ODD
    assert review.parent_text == ODD[1]
    assert review.recommendations == []
    assert (review.confidence, review.version, review.acknowledged) == (None, 1, [])


@pytest.mark.parametrize("tries", [0, 2])
@pytest.mark.parametrize(
    "extra",
    [0.25, 3.0, -0.0, 2**53 + 1, 1e300, "2.0, not 1.0", {"made": 0, "result": [1.0]}],
    ids=str,
)
def test_a_draft_opens_its_commitment_however_its_numbers_are_written(extra, tries):
    [job] = claimed(1)
    job.route = [{"attempt": n, "score": 1.0} for n in range(tries)]

    settled([job], summary=ODD, extra=extra)

    stored = Job.objects.get(pk=job.pk)
    told = Audit.objects.for_job(job.pk).get(action=Action.JOB_COMPLETED).detail
    content = draft_bytes(job.pk, vars(stored))
    assert opens(told["commitment"], content, salt=bytes(stored.salt))
    assert content_text(stored.result["extra"]) == content_text(extra)
    assert stored.route[:-1] == job.route
    assert "tries" in stored.route[-1]


def test_a_review_is_due_so_long_after_the_very_end_of_its_job():
    [job] = claimed(1)

    settled([job])

    ended_at = Job.objects.get(pk=job.pk).finished_at
    review = Review.objects.get(job_id=job.pk)
    assert review.risk == "discuss"  # by the rules: nothing was answered
    assert review.due_at == ended_at + timedelta(days=3)


def test_a_value_that_is_too_long_for_its_column_is_refused_and_not_cut():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite knows no lengths")
    clinic = default_clinic()
    case = Case.objects.create(clinic=clinic, case_id="case-1")
    row = {
        "id": uuid.uuid4(),
        "clinic": clinic.pk,
        "case": case.pk,
        "client": "x" * 65,
        "payload": {},
    }

    with pytest.raises(DataError):
        insert_returning(Job, rows=[row], returning="id")


def test_many_are_settled_with_as_many_statements_as_one():
    counts = []
    for number in (1, 40):
        jobs = claimed(number)
        with CaptureQueriesContext(connection) as seen:
            settled(jobs)
        # SQLite adds audit events one by one, in the same transaction.
        counts.append(sum("audit_audit" not in query["sql"] for query in seen))

    assert counts[0] == counts[1]


def test_what_is_not_read_of_a_claimed_job_is_not_asked_for_until_it_is_settled():
    jobs = claimed(3)

    with CaptureQueriesContext(connection) as seen:
        settled(jobs)

    recording = "SELECT audit_record("
    asked = [q["sql"] for q in seen if not q["sql"].startswith(recording)]
    read = [sql for sql in asked if sql.startswith("SELECT")]
    assert len(read) == 1, read
    assert "screening_webhookendpoint" in read[0]


def test_rq_sees_the_jobs_of_a_batch_as_started_and_then_nothing_of_them(redis):
    worker = RegisteredWorker(name="w-batch")
    worker.register()
    jobs = claimed(3)
    twice = uuid.uuid4()
    redis.hset(RQJob.key_for(str(twice)), "status", "queued")
    before = set(redis.keys("*"))

    worker.note_started([*(job.pk for job in jobs), twice], jobs)

    registry = worker.queue.started_job_registry
    assert sorted(registry.get_job_ids()) == sorted(str(job.pk) for job in jobs)
    states = {redis.hget(RQJob.key_for(str(job.pk)), "status") for job in jobs}
    assert states == {b"started"}
    assert not redis.exists(RQJob.key_for(str(twice)))

    worker.note_ended(jobs, idle=True)

    assert registry.get_job_ids() == []
    left = set(redis.keys("*"))
    entries = {RQJob.key_for(str(job.pk)).encode() for job in jobs}
    assert not left & entries
    assert left <= before
    assert int(redis.hget(worker.key, "successful_job_count")) == 3
    worker.sign_off()
