"""Query parameters, as strict as bodies: known, single and within bounds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ParseError

from screening.api.fields import StrictChoiceField, WholeTextValidator
from screening.api.paging import Cursor
from screening.api.serializers import CASE_ID, NO_TAGS
from screening.models import Job, Review

LOOKUPS = {
    "status": "status",
    "case_id": "case__case_id",
    "review_state": "review__state",
}
CURSOR = WholeTextValidator(
    r"^[A-Za-z0-9_.-]+:[A-Za-z0-9]+:[A-Za-z0-9_-]+$",
    "This must be a cursor from a Link header.",
)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INTEGER = re.compile(r"-?[0-9]{1,18}")
NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?"
    r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?"
)


class QueryIntegerField(serializers.IntegerField):
    """A whole number in ASCII digits, without space around them."""

    def to_internal_value(self, data: Any) -> int:
        """Read the text of a query parameter."""
        if not INTEGER.fullmatch(data):
            self.fail("invalid")
        return int(data)


class QueryNumberField(serializers.FloatField):
    """A number as JSON has it, so neither "nan" nor "1_0"."""

    def to_internal_value(self, data: Any) -> float:
        """Read the text of a query parameter."""
        if not NUMBER.fullmatch(data):
            self.fail("invalid")
        return float(data)


class AwareDateTimeField(serializers.DateTimeField):
    """A time that says its offset, so that nobody has to guess it."""

    default_error_messages = {
        "naive": "The time must have an offset, such as Z.",
        "wrong": "This must be a time such as 2026-01-31T09:30:00Z.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        """Read it, and return it in UTC; the ends of the calendar are its ends."""
        found = TIME.fullmatch(value.upper())
        if found is None:
            self.fail("wrong")
        if found["offset"] is None:
            self.fail("naive")
        try:
            time = datetime.fromisoformat(value.upper())
        except ValueError:
            self.fail("wrong")
        try:
            return time.astimezone(UTC)
        except OverflowError:
            return EARLIEST if time.year == EARLIEST.year else LATEST


def _just_after(time: datetime) -> datetime:
    """Return the next time that can be told apart."""
    return time + MICROSECOND if time < LATEST else LATEST


def _just_before(time: datetime) -> datetime:
    """Return the last time before that can be told apart."""
    return time - MICROSECOND if time > EARLIEST else EARLIEST


class NoQuerySerializer(serializers.Serializer):
    """A route without query parameters."""


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


def read_query(
    serializer: type[serializers.Serializer], query: QueryDict
) -> dict[str, Any]:
    """Validate the query parameters.

    Raises:
        ParseError: a parameter is not known, or comes twice.
        ValidationError: a value is out of bounds.
    """
    known = serializer()
    if any(name not in known.fields for name in query):
        names = ", ".join(known.fields) or "none"
        raise ParseError(f"Unknown query parameter. Known are: {names}.")
    if any(len(values) > 1 for _, values in query.lists()):
        raise ParseError("A query parameter may be given once.")
    found = serializer(data=query.dict())
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)
