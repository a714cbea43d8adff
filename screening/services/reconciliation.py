"""Putting right what a crash, a lost ring or an absent Redis left behind."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from redis.exceptions import RedisError
from rq import Queue

from audit.actions import Action
from audit.counting import count_on
from audit.services import record
from claims.work import WORKER_LOST
from screening import queue as doorbell
from screening.events import job_event
from screening.models import IdempotencyKey, Job, Leadership
from screening.services.webhooks.outbox import failed as failed_for_good
from screening.services.webhooks.outbox import tell

logger = logging.getLogger(__name__)

BATCH = 1000
LOST = "Each worker that took this job was lost before it could finish it."
JUST_SUBMITTED = timedelta(seconds=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciled:
    """What one pass did."""

    released: int
    failed: int
    enqueued: int
    waiting: int
    """Due jobs that Redis would not take: the next pass tries again."""


def lead(duty: str, *, holder: str, seconds: float) -> bool:
    """Take or keep a duty for so many seconds; say whether it is ours.

    One row a duty and the database's clock: of any number of processes one leads.
    """
    until = Now() + timedelta(seconds=seconds)
    ours = Leadership.objects.filter(duty=duty)
    if ours.filter(holder=holder).update(until=until):
        return True
    if ours.filter(until__lt=Now()).update(holder=holder, until=until):
        return True
    if ours.exists():
        return False
    Leadership.objects.bulk_create(
        [Leadership(duty=duty, holder=holder, until=until)], ignore_conflicts=True
    )
    return ours.filter(holder=holder).exists()


def step_down(duty: str, *, holder: str) -> None:
    """Leave a duty to whoever comes next, at once."""
    Leadership.objects.filter(duty=duty, holder=holder).delete()


def reconcile(queue: Queue, *, actor: str) -> Reconciled:
    """Make one pass: reap expired leases, ring for forgotten jobs, drop old keys.

    And count what the audit log has of new events, so that metrics stay cheap.

    Safe at any time and by several processes at once.
    """
    released, failed = reap_expired(actor=actor)
    enqueued, waiting = ring_forgotten(queue)
    IdempotencyKey.objects.filter(
        created_at__lt=Now() - timedelta(hours=settings.IDEMPOTENCY_HOURS)
    ).delete()
    count_on()
    return Reconciled(
        released=released, failed=failed, enqueued=enqueued, waiting=waiting
    )


@transaction.atomic(durable=True)
def reap_expired(*, actor: str) -> tuple[int, int]:
    """Take running jobs from workers that no longer renew their leases.

    An expired lease counts as a crash. A job goes back to pending, or fails once it
    has taken too many workers with it. Returns how many of each.
    """
    released, failed = Job.objects.all().reap(
        most_crashes=settings.JOB_MAX_CRASHES,
        failing={"error": LOST},
    )
    lost = _record(failed, Action.JOB_FAILED, actor)
    _record(released, Action.JOB_RELEASED, actor)
    tell(map(failed_for_good, lost))
    return len(released), len(failed)


def ring_forgotten(queue: Queue) -> tuple[int, int]:
    """Enqueue due jobs that are not in the queue, longest due first.

    Those submitted just now are left to the request that stored them. Returns how
    many were enqueued, and how many Redis would not take.
    """
    due = (
        Job.objects.due()
        .filter(created_at__lt=Now() - JUST_SUBMITTED)
        .order_by("not_before")
        .values_list("pk", "priority")
    )
    try:
        # First the queue, then the rows: one taken in between is no longer due.
        queued = doorbell.waiting(queue)
    except RedisError:
        return 0, due.count()
    if queued is None:
        return 0, 0
    # Those that are queued already must not hide the forgotten ones behind them.
    forgotten = [
        (pk, priority)
        for pk, priority in due[: BATCH + len(queued)]
        if str(pk) not in queued
    ][:BATCH]
    if not forgotten:
        return 0, 0
    missing = [pk for pk, _ in forgotten]
    urgent = {pk for pk, priority in forgotten if priority in {"urgent", "high"}}
    if not doorbell.enqueue(missing, urgent=urgent, queue=queue):
        return 0, len(missing)
    logger.info("Enqueued %d forgotten jobs", len(missing))
    return len(missing), 0


def _record(job_ids: list[UUID], action: Action, actor: str) -> list[Job]:
    """Record it of each job; return them, with their payloads."""
    jobs = list(
        Job.objects.filter(pk__in=job_ids)
        .select_related("case", "clinic")
        .only("attempt", "payload", "case__case_id", "clinic__slug")
    )
    record(job_event(job, action, actor, code=WORKER_LOST) for job in jobs)
    return jobs
