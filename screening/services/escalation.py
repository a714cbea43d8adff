"""Escalation: a review that is past its due time is brought to the supervisors."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import Event, record
from screening.models import Clinic, Review

logger = logging.getLogger(__name__)

SUPERVISOR = "supervisor"
"""The group whose members a clinic's overdue reviews are brought to."""

BATCH = 500


def escalate_overdue(*, actor: str, most: int | None = None) -> int:
    """Escalate open reviews that are past their due time, the longest overdue first.

    Each is escalated once and for good: a claim, a save or a claim given up changes
    nothing of it. A batch is one transaction, with an audit event for each review.
    Safe at any time and by several processes at once. Returns how many there were;
    ``most`` bounds them, and the next pass takes the rest.
    """
    done = 0
    while most is None or done < most:
        size = BATCH if most is None else min(BATCH, most - done)
        escalated = _escalate_batch(actor, size)
        done += escalated
        if escalated < size:
            break
    if done:
        logger.info("Escalated %d overdue reviews", done)
    return done


def supervisors_of(clinics: Collection[int]) -> dict[int, list[User]]:
    """Return the supervisors of each of these clinics: active members in the group.

    A clinic without any has no entry.
    """
    members = (
        Clinic.members.through.objects.filter(
            clinic__in=clinics,
            user__is_active=True,
            user__groups__name=SUPERVISOR,
        )
        .select_related("user")
        .order_by("user__last_name", "user__first_name", "user__username")
    )
    found: dict[int, list[User]] = defaultdict(list)
    for member in members:
        found[member.clinic_id].append(member.user)
    return dict(found)


@transaction.atomic(durable=True)
def _escalate_batch(actor: str, size: int) -> int:
    """Escalate some. A review that somebody else is writing waits for the next pass."""
    overdue = Review.objects.filter(
        state=Review.State.REQUIRES_REVIEW, due_at__lte=Now(), escalated_at=None
    )
    reviews = list(
        overdue.select_for_update(of=("self",), skip_locked=True)
        .select_related("job__case", "clinic")
        .only("job__case__case_id", "clinic__slug")
        .order_by("due_at", "id")[:size]
    )
    if not reviews:
        return 0
    overdue.filter(pk__in=[review.pk for review in reviews]).update(escalated_at=Now())
    supervisors = supervisors_of({review.clinic_id for review in reviews})
    record(
        Event(
            action=Action.REVIEW_ESCALATED,
            actor=actor,
            clinic=review.clinic.slug,
            case_id=review.job.case.case_id,
            job_id=review.job_id,
            detail={"supervisors": len(supervisors.get(review.clinic_id, []))},
        )
        for review in reviews
    )
    return len(reviews)
