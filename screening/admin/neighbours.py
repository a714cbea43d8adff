"""The cases before and after one, by due time, among those that need the person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet, Subquery
from django.urls import reverse

from screening.admin.worklist_choices import OPEN, views_for
from screening.models import Review
from screening.services.sight import reviews_seen_by


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """Where the cases before and after are; empty where none is."""

    previous: str = ""
    following: str = ""


def neighbours_of(review: Review, user: Any) -> Neighbours:
    """Find both in one query; each half reads one row of the index by due time.

    Whatever a row says of its case, only its place in time is looked at: a case that is
    still to be read blind is a neighbour like any other.
    """
    if review.due_at is None:
        return Neighbours()
    needs_me = next(each.keeps for each in views_for(user) if each.value == "needs-me")
    here = (review.due_at, review.pk)
    # Asked of the database anew: it would judge a value by all reviews, most of them
    # signed and due long ago, take what comes after for few, and sort every open one.
    due = Subquery(Review.objects.filter(pk=review.pk).values("due_at"))
    mine = reviews_seen_by(user, Review.objects.filter(OPEN)).filter(*needs_me)
    before = _beyond(mine, "lt", due, review.pk).order_by("-due_at", "-pk")
    after = _beyond(mine, "gt", due, review.pk).order_by("due_at", "pk")
    both = [Q(pk=Subquery(each.values("pk")[:1])) for each in (before, after)]
    found = Review.objects.filter(reduce(or_, both)).values_list("due_at", "pk")
    pages = {each > here: _page(each[1]) for each in found}
    return Neighbours(previous=pages.get(False, ""), following=pages.get(True, ""))


def _beyond(
    reviews: QuerySet[Review], side: str, due: Any, pk: int
) -> QuerySet[Review]:
    """Keep what is due before or after; by number where two are due at once."""
    # The first condition is the one that an index can use.
    within = {"lt": Q(due_at__lte=due), "gt": Q(due_at__gte=due)}[side]
    same = Q(**{"due_at": due, f"pk__{side}": pk})
    return reviews.filter(within, Q(**{f"due_at__{side}": due}) | same)


def _page(pk: int) -> str:
    return reverse("admin:screening_review_change", args=[pk])
