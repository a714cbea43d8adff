"""Rows for tests: each function says only what matters."""

from __future__ import annotations

import uuid
from typing import Any

from routing.policy import Wish, choose_targets
from screening.models import Clinic, Job
from screening.outcomes import Outcome, Plan
from screening.services.execution import claim_jobs
from screening.services.keys import default_clinic
from screening.services.submission import Accepted, Submission, submit_jobs


def make_job(
    *, case_id: str = "case-1", clinic: Clinic | None = None, **payload: Any
) -> Job:
    """Submit one job as a client would, and return its row."""
    [accepted] = submit_jobs(
        clinic=clinic or default_clinic(),
        client="key:test",
        submissions=[Submission(case_id=case_id, payload=payload)],
    )
    assert isinstance(accepted, Accepted)
    return Job.objects.get(pk=accepted.job_id)


def claimed_job(worker: str = "w1", **fields: Any) -> Job:
    """Submit one job and claim it."""
    [job] = claim_jobs([make_job(**fields).pk], worker=worker)
    return job


def outcome(job: Job, **fields: Any) -> Outcome:
    """Bring something back for a claim."""
    plan = Plan(targets=(), decision=choose_targets([], Wish()))
    return Outcome(job=job, plan=plan, tries=[], **fields)


def unknown_id() -> uuid.UUID:
    """Return an id that no row has."""
    return uuid.uuid4()
