"""What goes in and out over HTTP when an agent pulls its work, field by field."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from routing.api.serializers import CapabilitiesField, ObjectField, TaskTypeField
from routing.models.tasks import Priority
from wire.fields import (
    StrictBooleanField,
    StrictIntegerField,
    StrictNumberField,
    StrictSerializer,
)
from wire.texts import NO_NUL, pattern_of

MOST_TASKS = 32
LONGEST_WAIT_SECONDS = 20
LAST_ATTEMPT = 2**31 - 1
LONGEST_ERROR = 500


@extend_schema_field({})
class OutputField(serializers.Field):
    """Any JSON, of at most as many bytes as the answer of an agent that is called."""

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        """Take null for what it is: JSON."""
        return (False, data) if data is None else super().validate_empty_values(data)

    def to_internal_value(self, data: Any) -> Any:
        """Take what is not too large."""
        most = settings.MODEL_RESPONSE_MAX_BYTES
        if len(json.dumps(data, ensure_ascii=False).encode()) > most:
            raise serializers.ValidationError(f"At most {most} bytes.")
        return data


@extend_schema_field(
    {"type": "string", "maxLength": LONGEST_ERROR, "pattern": pattern_of(NO_NUL)}
)
class ErrorField(serializers.Field):
    """A text, which may be empty."""

    def to_internal_value(self, data: Any) -> str:
        """Take a str as it is."""
        if not isinstance(data, str) or len(data) > LONGEST_ERROR:
            raise serializers.ValidationError(
                f"This must be a string of at most {LONGEST_ERROR} characters."
            )
        return data


class LeaseSerializer(StrictSerializer):
    """What an agent asks for. All of it is optional."""

    max = StrictIntegerField(
        required=False,
        min_value=1,
        max_value=MOST_TASKS,
        help_text="How many tasks at most; 1 when absent.",
    )
    wait = StrictNumberField(
        required=False,
        min_value=0,
        max_value=LONGEST_WAIT_SECONDS,
        help_text="Seconds to wait while there is none; 0 when absent.",
    )
    capabilities = CapabilitiesField(
        required=False, help_text="Some of its own; all of them when absent."
    )


class LeasedTaskSerializer(serializers.Serializer):
    """One task that the agent holds now."""

    task_id = serializers.CharField()
    case_id = serializers.CharField()
    task_type = TaskTypeField()
    priority = serializers.ChoiceField(choices=Priority.choices)
    payload = ObjectField()
    meta = ObjectField()
    attempt = serializers.IntegerField(
        min_value=1, help_text="To be repeated in its heartbeats and its result."
    )
    lease_seconds = serializers.FloatField(
        help_text="Without a heartbeat for so long it is given to another."
    )


class LeasedSerializer(serializers.Serializer):
    """The tasks that the agent holds now, the most urgent first."""

    tasks = LeasedTaskSerializer(many=True)


class AttemptSerializer(StrictSerializer):
    """Which attempt an agent speaks of."""

    attempt = StrictIntegerField(min_value=1, max_value=LAST_ATTEMPT)


# A choice would share its values with other answers, and then its name is a digest.
@extend_schema_field({"type": "string", "const": "ok"})
class OkField(serializers.CharField):
    """The word ok."""


class RenewedSerializer(serializers.Serializer):
    """The answer to a heartbeat of a task."""

    status = OkField()
    lease_seconds = serializers.FloatField()


class ResultSerializer(AttemptSerializer):
    """How an attempt ended."""

    success = StrictBooleanField()
    output = OutputField(required=False, help_text="The result, if it succeeded.")
    error = ErrorField(
        required=False,
        help_text="Why it did not, as a code of up to 64 letters, digits and . _ : -; "
        "other words are not kept.",
    )


class EndedSerializer(serializers.Serializer):
    """What became of the task."""

    status = serializers.ChoiceField(
        choices=[(s, s) for s in ("completed", "queued", "dead_letter")]
    )
