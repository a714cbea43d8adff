"""Audit events about jobs, said once."""

from __future__ import annotations

from typing import Any

from audit.actions import Action
from audit.services import Event
from screening.models import Job


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
