"""Audit events about jobs, said once."""

from __future__ import annotations

from typing import Any

from audit.actions import Action
from audit.services import Event
from screening.models import Job

STATE_TOLD_BY = {
    Action.JOB_SUBMITTED: Job.Status.PENDING,
    Action.JOB_STARTED: Job.Status.RUNNING,
    Action.JOB_RELEASED: Job.Status.PENDING,
    Action.JOB_COMPLETED: Job.Status.DONE,
    Action.JOB_FAILED: Job.Status.FAILED,
    Action.JOB_CANCELLED: Job.Status.CANCELLED,
    Action.JOB_REPLAYED: Job.Status.PENDING,
}
"""What each event says that a job's state is. PostgreSQL holds each commit to it."""


def job_event(job: Job, action: Action, actor: str, **detail: Any) -> Event:
    """Build the event that something was done to a job, under its latest claim.

    The job must come with its case and clinic. ``detail`` is codes and counts only.
    """
    return Event(
        action=action,
        actor=actor,
        clinic=job.clinic.slug,
        case_id=job.case.case_id,
        job_id=job.pk,
        attempt=job.attempt,
        detail=detail,
    )
