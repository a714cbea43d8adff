"""Consents of a clinic's cases: given, revoked, and what a revocation stops."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from consent import services as ledger
from consent.models import Consent
from routing.services.refusal import end_unpermitted_tasks
from screening.errors import InvalidTransition
from screening.models import Clinic, Job
from screening.services.execution import grants_for, wish_of_job
from screening.services.intervention import cancel_job


@dataclass(frozen=True, kw_only=True, slots=True)
class Revoked:
    """A revoked consent, and how much work it stopped."""

    consent: Consent
    jobs: int
    tasks: int


def give_consent(
    *,
    clinic: Clinic,
    case_id: str,
    consent_id: str,
    scopes: Collection[str],
    given_by: str,
    actor: str,
    expires_at: datetime | None = None,
) -> Consent:
    """Store what a consent allows from now on, and stop what it allows no more.

    Raises:
        ConsentOfAnotherCase, ConsentOver: see `consent.services.give_consent`.
    """
    given = ledger.give_consent(
        clinic=clinic.slug,
        case_id=case_id,
        consent_id=consent_id,
        scopes=scopes,
        given_by=given_by,
        expires_at=expires_at,
        actor=actor,
    )
    stop_unpermitted(clinic=clinic, case_id=case_id, actor=actor)
    return given


def revoke_consent(*, clinic: Clinic, consent_id: str, actor: str) -> Revoked:
    """Revoke a consent, and end the work of its case that nothing allows any more.

    Work that may still go to the edge goes on: it is kept from the cloud when it is
    planned, and once more before each call.

    Raises:
        Consent.DoesNotExist: the clinic has no such consent.
    """
    consent = ledger.revoke_consent(
        clinic=clinic.slug, consent_id=consent_id, actor=actor
    )
    jobs, tasks = stop_unpermitted(clinic=clinic, case_id=consent.case_id, actor=actor)
    return Revoked(consent=consent, jobs=jobs, tasks=tasks)


def stop_unpermitted(*, clinic: Clinic, case_id: str, actor: str) -> tuple[int, int]:
    """End the jobs and tasks of a case that its consents forbid; return how many."""
    tasks = end_unpermitted_tasks(clinic=clinic.slug, case_id=case_id, actor=actor)
    jobs = list(
        Job.objects.filter(
            clinic=clinic,
            case__case_id=case_id,
            status__in=[Job.Status.PENDING, Job.Status.RUNNING],
        ).select_related("case", "clinic")
    )
    grants = grants_for(jobs)
    return sum(
        _cancel(job, actor) for job in jobs if not wish_of_job(job, grants).permitted
    ), tasks


def _cancel(job: Job, actor: str) -> bool:
    try:
        cancel_job(job, actor=actor)
    except InvalidTransition:
        return False
    return True
