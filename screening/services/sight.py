"""What a person may see in the desk: the own clinics', and nothing that would sway."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

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
    """Return the reviews that the person could read second, and must see nothing of."""
    if not user.has_perm("screening.change_review"):
        return Review.objects.none()
    lowered = Q(job__risk="refer") & ~Q(risk="refer")
    return Review.objects.filter(
        ~Q(second_read_for="") | lowered,
        state=Review.State.REQUIRES_REVIEW,
        assignee__isnull=False,
        second_read__isnull=True,
    ).exclude(assignee=user)


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
    )
