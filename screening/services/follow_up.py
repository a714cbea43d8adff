"""What a clinician asks to be done beside the report: a new screening, a referral."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from audit.actions import Action
from audit.services import record
from screening.errors import NotReady, NotYours
from screening.models import Case, FollowUp, Review
from screening.services.review import review_event, reviews_of

FARTHEST_YEARS = 6
LONGEST_TO, LONGEST_NOTE = 200, 1000


def ask_follow_up(
    review: Review,
    *,
    user: User,
    kind: str,
    to: str = "",
    due_on: date | None = None,
    note: str = "",
) -> FollowUp:
    """Store a request for a new screening or a referral; the report stays as it is.

    The audit event names the kind alone: to whom and why are words about a child.

    Raises:
        NotYours: the person may not write, or it is another clinic's, or a colleague
            has the review and has not signed it.
        NotReady: a new screening without a day to come, a referral without to whom.
    """
    if not user.has_perm("screening.change_review"):
        raise NotYours("Only who may write asks for this.")
    _check(kind, to=to, due_on=due_on, note=note)
    is_open = Q(state=Review.State.REQUIRES_REVIEW)
    is_free = Q(assignee=None) | Q(assignee=user)
    with transaction.atomic(durable=True):
        if not reviews_of(user).filter(~is_open | is_free, pk=review.pk).exists():
            raise NotYours("Somebody else has this review.")
        asked = FollowUp.objects.create(
            review=review,
            kind=kind,
            to=to.strip(),
            due_on=due_on,
            note=note.strip(),
            asked_by=user,
        )
        event = review_event(review, Action.REVIEW_FOLLOW_UP_ASKED, user, kind=kind)
        record([event])
    return asked


def follow_ups_of(review: Review) -> QuerySet[FollowUp]:
    """List what was asked for beside a report, oldest first, with who asked."""
    return FollowUp.objects.filter(review=review).select_related("asked_by")


def follow_ups_asked(case: Case, *, most: int) -> list[dict[str, Any]]:
    """List what was asked for a case, newest first: the kind and the days, no words.

    A new screening is told at once. A referral gives the risk away, and waits for the
    signature.
    """
    is_signed = ~Q(review__state=Review.State.REQUIRES_REVIEW)
    asked = FollowUp.objects.filter(
        Q(kind=FollowUp.Kind.RESCREEN) | is_signed, review__job__case=case
    ).order_by("-id")
    return [dict(row) for row in asked.values("kind", "due_on", "asked_at")[:most]]


def _check(kind: str, *, to: str, due_on: date | None, note: str) -> None:
    if kind not in FollowUp.Kind.values:
        raise NotReady("Nothing of the kind can be asked for.")
    if kind == FollowUp.Kind.REFERRAL and not to.strip():
        raise NotReady("A referral says to whom.")
    if kind == FollowUp.Kind.RESCREEN and due_on is None:
        raise NotReady("A new screening has a day.")
    today = timezone.localdate()
    if due_on is not None and not today <= due_on <= _last_day(today):
        raise NotReady(f"The day is to come, within {FARTHEST_YEARS} years.")
    if len(to) > LONGEST_TO or len(note) > LONGEST_NOTE:
        raise NotReady("To whom or the note is too long.")


def _last_day(today: date) -> date:
    return today.replace(year=today.year + FARTHEST_YEARS, day=min(today.day, 28))
