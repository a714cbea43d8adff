"""What a person may see in the desk: the own clinics', and nothing that would sway."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet

from routing.models import Agent
from screening.models import (
    Case,
    Clinic,
    Job,
    Review,
    WebhookDelivery,
    WebhookEndpoint,
)
from screening.reports import lowers_refer


def slugs_of(user: User) -> QuerySet[Clinic, str]:
    """Return the slugs of the person's clinics, for what names clinics by them."""
    clinics = Clinic.objects.order_by("slug").values_list("slug", flat=True)
    return clinics if user.is_superuser else clinics.filter(members=user)


def clinics_seen_by(user: User, clinics: QuerySet[Clinic]) -> QuerySet[Clinic]:
    """Keep the person's clinics."""
    return clinics if user.is_superuser else clinics.filter(members=user)


def persons_seen_by(user: User, persons: QuerySet[User]) -> QuerySet[User]:
    """Keep who shares a clinic with the person, the person, and who has none yet.

    Somebody must be able to put those into one. A superuser in no clinic is left out.
    """
    if user.is_superuser:
        return persons
    shared = User.objects.filter(clinics__members=user)
    any_clinic = Exists(Clinic.objects.filter(members=OuterRef("pk")))
    return persons.filter(
        Q(pk__in=shared.values("pk"))
        | Q(pk=user.pk)
        | (~any_clinic & Q(is_superuser=False))
    )


def agents_seen_by(user: User, agents: QuerySet[Agent]) -> QuerySet[Agent]:
    """Keep the agents of the person's clinics, and those that serve every clinic."""
    if user.is_superuser:
        return agents
    return agents.filter(Q(clinic="") | Q(clinic__in=slugs_of(user)))


def cases_seen_by(user: User, cases: QuerySet[Case]) -> QuerySet[Case]:
    """Keep the cases of the person's clinics."""
    return cases if user.is_superuser else cases.filter(clinic__members=user)


def reviews_seen_by(user: User, reviews: QuerySet[Review]) -> QuerySet[Review]:
    """Keep the reviews of the person's clinics that the person may read."""
    if not user.is_superuser:
        reviews = reviews.filter(clinic__members=user)
    return reviews_readable_by(user, reviews)


def reviews_readable_by(user: User, reviews: QuerySet[Review]) -> QuerySet[Review]:
    """Keep what is signed, and all for who may read a child's words and drafts."""
    if may_read_words(user):
        return reviews
    return reviews.exclude(state=Review.State.REQUIRES_REVIEW)


def may_read_words(user: User) -> bool:
    """Say whether the person may read what was reported of a child, and drafts."""
    return user.has_perm("screening.read_words")


def jobs_seen_by(user: User, jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Keep the jobs of the person's clinics, but those still to be read blind.

    Whoever could be the second reader of a case sees neither draft nor risk of it
    until that view is given.
    """
    if not user.is_superuser:
        jobs = jobs.filter(clinic__members=user)
    return jobs.exclude(pk__in=to_read_blind(user).values("job_id"))


def to_read_blind(user: User) -> QuerySet[Review]:
    """Return the reviews that the person could read second, and must see nothing of.

    Whoever ever had one, or opened it, has seen it and does not read it second.
    """
    if not user.has_perm("screening.change_review"):
        return Review.objects.none()
    lowered = Q(job__risk="refer") & ~Q(risk="refer")
    return Review.objects.filter(
        ~Q(second_read_for="") | lowered,
        state=Review.State.REQUIRES_REVIEW,
        assignee__isnull=False,
        second_read__isnull=True,
    ).exclude(Q(assignee=user) | Q(pk__in=seen_by(user)))


def seen_by(user: User) -> QuerySet[Any, int]:
    """Return the ids of the reviews that the person has, ever had, or saw open."""
    seen = Review.had_by.through.objects.filter(user_id=user.pk)
    return seen.values_list("review_id", flat=True)


def endpoints_seen_by(
    user: User, endpoints: QuerySet[WebhookEndpoint]
) -> QuerySet[WebhookEndpoint]:
    """Keep the webhook endpoints of the person's clinics."""
    return endpoints if user.is_superuser else endpoints.filter(clinic__members=user)


def deliveries_seen_by(
    user: User, deliveries: QuerySet[WebhookDelivery]
) -> QuerySet[WebhookDelivery]:
    """Keep what was told to the person's clinics: it holds no child's words."""
    if user.is_superuser:
        return deliveries
    return deliveries.filter(endpoint__clinic__members=user)


# --- One review ---


def has_second_read(review: Review) -> bool:
    """Say whether a second view was given."""
    return getattr(review, "second_read", None) is not None


def waits_for_second_read(review: Review) -> bool:
    """Say whether a second view is asked for and was not given yet."""
    needed = review.second_read_for or lowers_refer(review.job.risk, review.risk)
    is_open = review.state == Review.State.REQUIRES_REVIEW
    return bool(is_open and needed and not has_second_read(review))


def must_read_blind(review: Review, user: User) -> bool:
    """Say whether the person could be the second reader, and must see nothing yet."""
    return (
        waits_for_second_read(review)
        and review.assignee_id not in {None, user.pk}
        and user.has_perm("screening.change_review")
        and not has_seen(review, user)
    )


def has_seen(review: Review, user: User) -> bool:
    """Say whether the person has the review, ever had it, or saw it open."""
    # Of a list, they are read with the rows.
    return user.pk in {person.pk for person in review.had_by.all()}


def may_decide(review: Review, user: Any) -> bool:
    """Say whether the person is the third who decides between two readers."""
    if not has_second_read(review):
        return False
    read = review.second_read
    return bool(
        review.state == Review.State.REQUIRES_REVIEW
        and user.has_perm("screening.adjudicate_review")
        and user.pk not in {read.first_reader_id, read.reader_id}
        and read.adjudicator_id is None
        and read.risk != review.risk
    )
