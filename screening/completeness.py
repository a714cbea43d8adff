"""Whether the audit log is complete: each job and each signature has its event.

Asked by `audit_verify`, of the database in one query each. A job that is gone must be
one of a case that was erased, and each erasure has its tombstone and its event.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Max, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from audit.actions import Action
from audit.models import Audit
from audit.verification import Gap
from screening.models import Job, Tombstone
from screening.services.erasure import digest_of
from screening.signed_completeness import (
    addendum_without_event,
    signature_without_event,
)

AT_ONCE = 2000
ENDS = {
    Job.Status.DONE: Action.JOB_COMPLETED,
    Job.Status.FAILED: Action.JOB_FAILED,
    Job.Status.CANCELLED: Action.JOB_CANCELLED,
}


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
    """List the jobs that have ended, and of which no event says so.

    One that was sent again must have its end after that.
    """
    for status, action in ENDS.items():
        replayed = (
            _events(Action.JOB_REPLAYED, job=OuterRef("job_id"))
            .order_by()
            .values("job_id")
            .annotate(last=Max("pk"))
            .values("last")
        )
        ended = _events(action, job=OuterRef("pk")).filter(
            pk__gt=Coalesce(Subquery(replayed), 0)
        )
        yield from _ids(Job.objects.filter(~Exists(ended), status=status))


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
        words="the job has ended, and no event says so",
        jobs=not_ended,
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
