"""Whether the audit log is complete: each job and each signature has its event.

Asked by `audit_verify`, of the database in one query each. A job that is gone must be
one of a case that was erased, and each erasure has its tombstone and its event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.db.models.fields.json import KT

from audit.actions import Action
from audit.models import Audit
from audit.verification import Gap, untold
from screening.events import STATE_TOLD_BY
from screening.models import Job, Tombstone
from screening.services.erasure import digest_of
from screening.signed_completeness import (
    addendum_without_event,
    signature_without_event,
)

AT_ONCE = 2000


def not_submitted() -> Iterator[UUID]:
    """List the jobs of which no event says that they were submitted."""
    submitted = _events(Action.JOB_SUBMITTED, job=OuterRef("pk"))
    return _ids(Job.objects.filter(~Exists(submitted)))


def submitted_twice() -> Iterator[UUID]:
    """List the jobs that were submitted more than once, by the log."""
    twice = (
        Audit.objects.filter(action=Action.JOB_SUBMITTED)
        .order_by()
        .values("job_id")
        .annotate(times=Count("pk"))
        .filter(times__gt=1)
    )
    return _ids(Job.objects.filter(pk__in=twice.values("job_id")))


def not_ended() -> Iterator[UUID]:
    """List the jobs that have ended, and of which the newest event does not say so."""
    return _ids(untold(Job.objects.filter(status__in=Job.ENDED), STATE_TOLD_BY))


def state_differs() -> Iterator[UUID]:
    """List the jobs that wait or run, and of which the newest event says otherwise."""
    under_way = Job.objects.exclude(status__in=Job.ENDED)
    return _ids(untold(under_way, STATE_TOLD_BY).filter(told_status__isnull=False))


def gone_and_not_erased() -> Iterator[UUID]:
    """List the jobs of the log that are not there, though nobody erased their case."""
    erased = Audit.objects.filter(
        action=Action.CASE_ERASED,
        clinic=OuterRef("clinic"),
        case_id=OuterRef("case_id"),
        pk__gt=OuterRef("pk"),
    )
    gone = Audit.objects.filter(action=Action.JOB_SUBMITTED, job_id__isnull=False)
    gone = gone.filter(~Exists(Job.objects.filter(pk=OuterRef("job_id"))))
    return _ids(gone.filter(~Exists(erased)), "job_id")


def tombstone_without_event() -> Iterator[int]:
    """List the tombstones whose digest no event has, or is not their manifest's."""
    events = Audit.objects.filter(action=Action.CASE_ERASED)
    digests = events.annotate(digest=KT("detail__manifest")).values("digest")
    stones = Tombstone.objects.annotate(
        is_told=Exists(
            digests.filter(clinic=OuterRef("clinic"), digest=OuterRef("digest"))
        )
    )
    for stone in stones.order_by().iterator(AT_ONCE):
        if not stone.is_told or digest_of(stone.manifest) != stone.digest:
            yield stone.pk


def erased_without_tombstone() -> Iterator[int]:
    """List the events that a case was erased whose tombstone is not there."""
    events = Audit.objects.filter(action=Action.CASE_ERASED)
    events = events.annotate(digest=KT("detail__manifest"))
    stones = Tombstone.objects.filter(
        clinic=OuterRef("clinic"), digest=OuterRef("digest")
    )
    return _ids(events.filter(~Exists(stones)))


GAPS = (
    Gap(
        kind="job_not_submitted",
        words="no event says that the job was submitted",
        jobs=not_submitted,
    ),
    Gap(
        kind="job_submitted_twice",
        words="more than one event says that the job was submitted",
        jobs=submitted_twice,
    ),
    Gap(
        kind="job_not_ended",
        words="the job has ended, and its newest event does not say so",
        jobs=not_ended,
    ),
    Gap(
        kind="job_state_differs",
        words="the job waits or runs, and its newest event says otherwise",
        jobs=state_differs,
    ),
    Gap(
        kind="signature_without_event",
        words="a report is signed, and no event is of what was signed",
        jobs=signature_without_event,
    ),
    Gap(
        kind="addendum_without_event",
        words="an addendum is signed, and no event is of what was signed",
        jobs=addendum_without_event,
    ),
    Gap(
        kind="job_gone",
        words="the job is gone, and no event says that its case was erased",
        jobs=gone_and_not_erased,
    ),
    Gap(
        kind="tombstone_without_event",
        words="a case was erased, and no event has the proof of what went",
        jobs=tombstone_without_event,
        of="tombstone",
    ),
    Gap(
        kind="erased_without_tombstone",
        words="an event says that a case was erased, and its tombstone is not there",
        jobs=erased_without_tombstone,
        of="event",
    ),
)


def _events(action: Action, *, job: Any) -> QuerySet[Audit]:
    return Audit.objects.filter(action=action, job_id=job)


def _ids(rows: QuerySet[Any], field: str = "pk") -> Iterator[Any]:
    return rows.order_by().values_list(field, flat=True).iterator(AT_ONCE)
