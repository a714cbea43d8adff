"""What the reconciler puts right: lost workers, lost rings, old keys."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import Audit
from screening import queue
from screening.models import IdempotencyKey, Job, Leadership
from screening.services.reconciliation import (
    lead,
    reap_expired,
    reconcile,
    ring_forgotten,
    step_down,
)
from tests.screening.making import claimed_job, make_job

pytestmark = pytest.mark.django_db
KEY = "rq:queue:pedi-screen"


def age(job, **ago):
    Job.objects.filter(pk=job.pk).update(created_at=timezone.now() - timedelta(**ago))


def expire(job):
    Job.objects.filter(pk=job.pk).update(
        lease_until=timezone.now() - timedelta(seconds=1)
    )


def queued(redis):
    return [entry.decode() for entry in redis.lrange(KEY, 0, -1)]


def test_a_forgotten_job_is_rung_for_once(redis):
    job = make_job()
    age(job, seconds=10)
    redis.flushall()

    first = ring_forgotten(queue.inference_queue())
    second = ring_forgotten(queue.inference_queue())

    assert (first, second) == ((1, 0), (0, 0))
    assert queued(redis) == [str(job.pk)]


def test_a_job_submitted_just_now_is_left_to_its_request(redis):
    make_job()
    redis.flushall()

    assert ring_forgotten(queue.inference_queue()) == (0, 0)


def test_a_job_in_its_pause_is_not_rung_for(redis):
    job = make_job()
    age(job, seconds=10)
    Job.objects.update(not_before=timezone.now() + timedelta(minutes=5))
    redis.flushall()

    assert ring_forgotten(queue.inference_queue()) == (0, 0)


def test_forgotten_jobs_behind_a_thousand_queued_ones_are_found(redis):
    jobs = [make_job(case_id=f"case-{n}") for n in range(3)]
    for job in jobs:
        age(job, seconds=10)
    Job.objects.filter(pk=jobs[2].pk).update(
        not_before=timezone.now() - timedelta(seconds=5)
    )
    redis.lrem(KEY, 0, str(jobs[2].pk))

    assert ring_forgotten(queue.inference_queue()) == (1, 0)


def test_what_redis_does_not_take_is_counted(redis, settings):
    job = make_job()
    age(job, seconds=10)
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"

    assert ring_forgotten(queue.open_queue()) == (0, 1)


def test_urgent_jobs_are_rung_for_in_front(redis):
    plain = make_job(case_id="plain")
    urgent = make_job(case_id="urgent")
    Job.objects.filter(pk=urgent.pk).update(priority="urgent")
    for job in (plain, urgent):
        age(job, seconds=10)
    redis.flushall()

    ring_forgotten(queue.inference_queue())

    assert queued(redis) == [str(urgent.pk), str(plain.pk)]


def test_an_expired_lease_counts_as_a_crash_and_frees_the_job(redis):
    job = claimed_job()
    expire(job)

    reaped = reap_expired(actor="worker:w2")

    job.refresh_from_db()
    assert reaped == (1, 0)
    assert (job.status, job.crashes, job.lease_until) == ("PENDING", 1, None)
    event = Audit.objects.for_job(job.pk).first()
    assert (event.action, event.detail) == ("job.released", {"code": "WORKER_LOST"})


def test_a_job_that_has_taken_three_workers_with_it_fails(redis):
    job = claimed_job()
    Job.objects.filter(pk=job.pk).update(crashes=2)
    expire(job)

    assert reap_expired(actor="worker:w2") == (0, 1)

    job.refresh_from_db()
    assert (job.status, job.error_code) == ("FAILED", "WORKER_LOST")


def test_a_lease_that_holds_is_left_alone(redis):
    claimed_job()

    assert reap_expired(actor="worker:w2") == (0, 0)


def test_old_idempotency_keys_are_dropped(redis):
    for hours, key in ((1, "young"), (25, "old")):
        row = IdempotencyKey.objects.create(
            client="c", endpoint="submit", key=key, fingerprint="f", answer={}
        )
        created = timezone.now() - timedelta(hours=hours)
        IdempotencyKey.objects.filter(pk=row.pk).update(created_at=created)

    reconcile(queue.inference_queue(), actor="system:test")

    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["young"]


def test_one_holder_leads_until_its_time_is_up_or_it_steps_down(redis):
    assert lead("duty", holder="a", seconds=60)
    assert not lead("duty", holder="b", seconds=60)
    assert lead("duty", holder="a", seconds=60)

    Leadership.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert lead("duty", holder="b", seconds=60)

    step_down("duty", holder="b")
    assert lead("duty", holder="a", seconds=60)
