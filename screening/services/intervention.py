"""What a person or a client does to a job: cancel it, or have it run again."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from screening import queue
from screening.errors import InvalidTransition
from screening.events import job_event
from screening.models import Job

NO_HOLD = {"worker": "", "lease_until": None}


@transaction.atomic(durable=True)
def cancel_job(job: Job, *, actor: str) -> None:
    """End a job that has not ended. Cancelling twice is harmless.

    A running one is ended too: what its worker brings back later is refused by the
    fence, and nothing of it is stored.

    Raises:
        InvalidTransition: it is done or failed already.
    """
    cancelled = Job.objects.filter(
        pk=job.pk, status__in=[Job.Status.PENDING, Job.Status.RUNNING]
    ).update(
        status=Job.Status.CANCELLED, finished_at=Now(), updated_at=Now(), **NO_HOLD
    )
    if cancelled:
        # It may have been claimed since it was read.
        job.refresh_from_db(fields=["attempt"])
        record([job_event(job, Action.JOB_CANCELLED, actor)])
        return
    job.refresh_from_db(fields=["status"])
    if job.status != Job.Status.CANCELLED:
        raise InvalidTransition(
            "Only a pending or running job can be cancelled; "
            f"this one is {job.status}.",
            status=job.status,
        )


def replay_job(job: Job, *, actor: str) -> None:
    """Have a failed or cancelled job run again, or a waiting one at once.

    Its counts of failures and crashes begin anew; its attempts go on counting, since
    they are the fence.

    Raises:
        InvalidTransition: it is running, or done.
    """
    with transaction.atomic(durable=True):
        replayed = Job.objects.filter(
            pk=job.pk,
            status__in=[Job.Status.PENDING, Job.Status.FAILED, Job.Status.CANCELLED],
        ).update(
            status=Job.Status.PENDING,
            not_before=Now(),
            failures=0,
            crashes=0,
            error_code="",
            error="",
            finished_at=None,
            updated_at=Now(),
            **NO_HOLD,
        )
        if not replayed:
            job.refresh_from_db(fields=["status"])
            raise InvalidTransition(
                "Only a failed, cancelled or pending job can be retried; "
                f"this one is {job.status}.",
                status=job.status,
            )
        job.refresh_from_db(fields=["attempt"])
        record([job_event(job, Action.JOB_REPLAYED, actor)])
    queue.enqueue([job.pk])
