"""What Prometheus is told of jobs, read as another process would."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now

from screening.metrics import JobCollector
from screening.metrics.jobs import dead, waiting
from screening.models import Job
from screening.services.settlement import settle
from tests.plans import leave_only
from tests.screening.making import claimed_job, make_job
from tests.screening.test_execution import answered

pytestmark = pytest.mark.django_db


def read() -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("pedi_orch_"), *sample.labels.values()): sample.value
        for metric in JobCollector().collect()
        for sample in metric.samples
    }


def change(job: Job, **values: object) -> None:
    Job.objects.filter(pk=job.pk).update(**values)


def test_without_a_job_every_figure_is_nothing():
    assert set(read().values()) == {0}


def test_what_may_be_taken_is_told_apart_from_what_waits_for_its_next_try():
    make_job(case_id="a")
    later = make_job(case_id="b")
    change(later, not_before=Now() + timedelta(minutes=5))

    found = read()

    assert (found["queue_length",], found["jobs_backing_off",]) == (1, 1)


def test_the_age_of_the_queue_is_since_its_oldest_job_could_be_taken():
    job = make_job(case_id="a")
    make_job(case_id="b")
    change(job, not_before=Now() - timedelta(hours=2))

    assert read()["queue_oldest_seconds",] == pytest.approx(7200, abs=60)

    change(job, not_before=Now() + timedelta(hours=2))
    assert read()["queue_oldest_seconds",] < 60


def test_what_a_worker_has_is_not_in_the_queue():
    job = make_job(case_id="a")
    change(job, status="RUNNING", attempt=1, lease_until=Now() + timedelta(minutes=1))

    found = read()

    assert (found["queue_length",], found["jobs_running",]) == (0, 1)


def test_what_was_given_up_is_told_until_it_is_replayed():
    job = make_job(case_id="a")
    change(job, status="FAILED", error_code="MODEL_TIMEOUT", finished_at=Now())
    assert read()["dead_letters", "job"] == 1

    change(job, status="PENDING", error_code="", finished_at=None)
    assert read()["dead_letters", "job"] == 0


def test_a_stale_answer_that_was_refused_is_counted():
    late = claimed_job("w1")
    change(late, attempt=2)

    settle([answered(late)], worker="w1")

    found = read()
    assert (found["stale_results_total",], found["jobs_completed_total",]) == (1, 0)


@pytest.mark.parametrize(
    ("rows", "index"),
    [(waiting, "job_pending_by_due_time"), (dead, "job_failed_by_time")],
    ids=["waiting", "dead"],
)
def test_a_scrape_reads_what_is_open_and_never_the_whole_table(rows, index):
    if connection.vendor != "postgresql":
        pytest.skip("the plan is PostgreSQL's")
    leave_only("screening_job", index)

    plan = rows().explain()

    assert f"using {index} on screening_job" in plan
    assert "Filter" not in plan
