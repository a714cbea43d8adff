"""Query parameters, as strict as bodies: known, single and within bounds."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ParseError

from screening.models import Job, Review


class AwareDateTimeField(serializers.DateTimeField):
    """A time that says its offset, so that nobody has to guess it."""

    default_error_messages = {"naive": "The time must have an offset, such as Z."}

    def enforce_timezone(self, value: Any) -> Any:
        """Refuse a time without an offset."""
        if value.tzinfo is None:
            self.fail("naive")
        return value


class NoQuerySerializer(serializers.Serializer):
    """A route without query parameters."""


class JobsQuerySerializer(serializers.Serializer):
    """How the list of jobs is narrowed and paged."""

    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)
    status = serializers.ChoiceField(choices=Job.Status.choices, required=False)
    case_id = serializers.CharField(
        required=False, min_length=1, max_length=128, trim_whitespace=False
    )
    review_state = serializers.ChoiceField(choices=Review.State.choices, required=False)
    created_after = AwareDateTimeField(required=False)
    created_before = AwareDateTimeField(required=False)
    cursor = serializers.CharField(required=False, max_length=512)


class WaitQuerySerializer(serializers.Serializer):
    """How long an answer may be held."""

    wait = serializers.FloatField(
        min_value=0,
        max_value=30,
        default=0.0,
        help_text="Seconds to wait for the job to end.",
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
