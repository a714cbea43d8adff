"""Query parameters, as strict as bodies: known, single and within bounds."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ParseError

EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)
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


class NoQuerySerializer(serializers.Serializer):
    """A route without query parameters."""


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
