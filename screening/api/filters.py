"""How the list of jobs is narrowed, and how long an answer may be held."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from rest_framework import serializers

from screening.api.paging import Cursor
from screening.models import Job, Review
from wire.fields import StrictChoiceField
from wire.query import (
    EARLIEST,
    LATEST,
    AwareDateTimeField,
    QueryIntegerField,
    QueryNumberField,
)
from wire.texts import CASE_ID, NO_TAGS, WholeTextValidator

LOOKUPS = {
    "status": "status",
    "case_id": "case__case_id",
    "review_state": "review__state",
}
CURSOR = WholeTextValidator(
    r"^[A-Za-z0-9_.-]+:[A-Za-z0-9]+:[A-Za-z0-9_-]+$",
    "This must be a cursor from a Link header.",
)
MICROSECOND = timedelta(microseconds=1)


def _just_after(time: datetime) -> datetime:
    """Return the next time that can be told apart."""
    return time + MICROSECOND if time < LATEST else LATEST


def _just_before(time: datetime) -> datetime:
    """Return the last time before that can be told apart."""
    return time - MICROSECOND if time > EARLIEST else EARLIEST


class JobsQuerySerializer(serializers.Serializer):
    """How the list of jobs is narrowed and paged."""

    limit = QueryIntegerField(min_value=1, max_value=200, default=50)
    status = StrictChoiceField(choices=Job.Status.choices, required=False)
    case_id = serializers.CharField(
        required=False,
        min_length=1,
        max_length=128,
        trim_whitespace=False,
        validators=[CASE_ID, NO_TAGS],
    )
    review_state = StrictChoiceField(choices=Review.State.choices, required=False)
    created_after = AwareDateTimeField(required=False)
    created_before = AwareDateTimeField(required=False)
    cursor = serializers.CharField(
        required=False, max_length=512, trim_whitespace=False, validators=[CURSOR]
    )


class WaitQuerySerializer(serializers.Serializer):
    """How long an answer may be held."""

    wait = QueryNumberField(
        min_value=0,
        max_value=30,
        default=0.0,
        help_text="Seconds to wait for the job to end.",
    )


def narrow(
    jobs: QuerySet[Job], query: dict[str, Any], cursor: Cursor | None
) -> QuerySet[Job]:
    """Keep the jobs that the query asks for, from the cursor on.

    SQLite compares times as text, and keeps fewer digits of a second than we ask with:
    "after" and "before" are said such that one time in both forms is neither, and a
    cursor's row is asked for its own time.
    """
    for name, lookup in LOOKUPS.items():
        if name in query:
            jobs = jobs.filter(**{lookup: query[name]})
    if "created_after" in query:
        jobs = jobs.filter(created_at__gte=_just_after(query["created_after"]))
    if "created_before" in query:
        jobs = jobs.filter(created_at__lte=_just_before(query["created_before"]))
    if cursor is None:
        return jobs
    own_time = Subquery(Job.objects.filter(pk=cursor.id).values("created_at"))
    edge = Coalesce(own_time, cursor.created_at)
    # The first condition says where in the index to begin, the second exactly where.
    return jobs.filter(created_at__lte=edge).filter(
        Q(created_at__lt=edge) | Q(id__lt=cursor.id)
    )
