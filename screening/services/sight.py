"""What a person may see in the desk: the own clinics', and nothing that would sway."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from screening.models import Case, Job, Review


def cases_seen_by(user: User, cases: QuerySet[Case]) -> QuerySet[Case]:
    """Keep the cases of the person's clinics."""
    return cases if user.is_superuser else cases.filter(clinic__members=user)


def jobs_seen_by(user: User, jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Keep the jobs of the person's clinics, but those still to be read blind.

    Whoever could be the second reader of a case sees neither draft nor risk of it
    until that view is given.
    """
    if not user.is_superuser:
        jobs = jobs.filter(clinic__members=user)
    if not user.has_perm("screening.change_review"):
        return jobs
    lowered = Q(risk="refer") & ~Q(review__risk="refer")
    blind = Review.objects.filter(
        state=Review.State.REQUIRES_REVIEW,
        assignee__isnull=False,
        second_read__isnull=True,
    ).exclude(assignee=user)
    wanted = blind.exclude(second_read_for="").values("job_id")
    return jobs.exclude(pk__in=wanted).exclude(lowered, pk__in=blind.values("job_id"))
