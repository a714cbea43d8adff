"""Who looked at a child's record: each page and command that shows one is recorded."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import User

from audit.actions import Action
from audit.reading import note_read, write_read
from audit.services import Event
from screening.models import Case, Job, Review
from screening.services.sight import may_read_words

AGAIN_AFTER_SECONDS = 300.0


def note_opened(record: Case | Job, *, user: User, page: str) -> None:
    """Store that a person opened a page of a record: once in five minutes each.

    ``page`` is ``case``, ``evidence``, ``job``, ``review`` or ``second_read``.
    """
    job = record if isinstance(record, Job) else None
    case = record.case if isinstance(record, Job) else record
    event = Event(
        action=Action.RECORD_OPENED,
        actor=f"user:{user.pk}",
        clinic=record.clinic.slug,
        case_id=case.case_id,
        job_id=job.pk if job else None,
        detail={"page": page},
    )
    note_read(event, again_after=AGAIN_AFTER_SECONDS)


def note_seen(reviews: Iterable[Review], *, user: User) -> None:
    """Remember that a person is shown the drafts and reports of what is still open.

    Nobody who has seen them reads a case second. Who has a review is known already.
    """
    seen = Review.had_by.through
    rows = [
        seen(review_id=review.pk, user_id=user.pk)
        for review in reviews
        if review.state == Review.State.REQUIRES_REVIEW
        and review.assignee_id != user.pk
    ]
    if rows and may_read_words(user):
        seen.objects.bulk_create(rows, ignore_conflicts=True)


def note_explained(job: Job, *, actor: str) -> None:
    """Store that somebody with a shell had a job's way explained."""
    event = Event(
        action=Action.RECORD_READ,
        actor=actor,
        clinic=job.clinic.slug,
        case_id=job.case.case_id,
        job_id=job.pk,
        detail={"command": "route_explain"},
    )
    note_read(event, again_after=AGAIN_AFTER_SECONDS)


def note_simulated(*, jobs: int, days: int, actor: str) -> None:
    """Store that somebody with a shell had the ways of so many jobs decided anew."""
    detail = {"command": "route_simulate", "count": jobs, "days": days}
    write_read(Event(action=Action.LIST_READ, actor=actor, detail=detail))


def note_weighed(case: Case, *, actor: str) -> None:
    """Store that somebody with a shell asked what would go with a case."""
    event = Event(
        action=Action.RECORD_READ,
        actor=actor,
        clinic=case.clinic.slug,
        case_id=case.case_id,
        detail={"command": "erase_case"},
    )
    write_read(event)
