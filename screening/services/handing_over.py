"""Handing a review over to a colleague of the clinic; who is left to read it second."""

from __future__ import annotations

from functools import partial

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from screening.errors import NotReady, NotYours
from screening.models import Review
from screening.services.review import open_reviews, review_event
from screening.services.sight import has_second_read, must_read_blind

BACKEND = "django.contrib.auth.backends.ModelBackend"
READ_WORDS = "screening.read_words"


def colleagues_for(review: Review, *, user: User) -> QuerySet[User]:
    """List who may take the review over: the clinic's own who may write, by name.

    Whoever has read it second is left out: the two readers stay two persons.
    """
    found = _writers_of(review).exclude(pk=user.pk)
    if has_second_read(review):
        found = found.exclude(pk=review.second_read.reader_id)
    return found.order_by("last_name", "first_name", "username")


def blind_readers_for(review: Review) -> QuerySet[User]:
    """Keep who of the clinic has not seen the review and could read it second."""
    seen = Review.had_by.through.objects.filter(review_id=review.pk)
    return _writers_of(review).exclude(pk__in=seen.values("user_id"))


def _writers_of(review: Review) -> QuerySet[User]:
    with_right = partial(User.objects.with_perm, backend=BACKEND)
    writers, readers = map(with_right, ("screening.change_review", READ_WORDS))
    return writers.filter(clinics=review.clinic_id, pk__in=readers.values("pk"))


def hand_over(review: Review, *, user: User, to: User) -> None:
    """Give the review that one has to a colleague; what was written stays.

    While a second reader is awaited nobody takes it over who could be that reader: they
    are yet to read it blind. Who has seen it before may.

    Raises:
        NotYours: the person has not got the review, or it is signed, or the colleague
            is of another clinic or may not write.
        NotReady: the colleague must read it blind, or has read it second.
    """
    with transaction.atomic(durable=True):
        own = open_reviews(review, user).filter(assignee=user)
        found = own.select_for_update(of=("self",)).select_related("job").first()
        if found is None:
            raise NotYours("Only who has a review hands it over.")
        if must_read_blind(found, to):
            raise NotReady(
                "It waits for a second reader, who must not have seen it. Hand it over "
                "once that view is given."
            )
        if has_second_read(found) and found.second_read.reader_id == to.pk:
            raise NotReady("This colleague has read it second.")
        if not colleagues_for(found, user=user).filter(pk=to.pk).exists():
            raise NotYours(
                "Only a colleague of the clinic who may write takes it over."
            )
        Review.objects.filter(pk=found.pk).update(
            assignee=to, claimed_at=Now(), updated_at=Now()
        )
        found.had_by.add(to)
        event = review_event(
            review, Action.REVIEW_HANDED_OVER, user, to=f"user:{to.pk}"
        )
        record([event])
