"""What goes in and out over HTTP about agents, field by field."""

from __future__ import annotations

import json
import re
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from routing.endpoints import LONGEST_URL
from routing.errors import InvalidTaskType
from routing.models import Agent, Capability
from routing.models.tasks import Priority, TaskType
from routing.protocols import PROTOCOLS
from routing.registrations import AGENT_ID, LOCATION, PULL, WORD, check_endpoint
from wire.fields import (
    StrictBooleanField,
    StrictCharField,
    StrictChoiceField,
    StrictIntegerField,
    StrictNumberField,
    StrictSerializer,
)
from wire.texts import CASE_ID, NO_TAGS, WholeTextValidator

MOST_CAPABILITIES = 32
MOST_PAYLOAD_BYTES = 256 * 1024
VISIBLE = WholeTextValidator(
    re.compile(r"^[!-~]{1,255}$"), "1 to 255 visible ASCII characters."
)
TASK_STATES = ("queued", "in_progress", "completed", "failed", "dead_letter")


@extend_schema_field(
    {
        "anyOf": [
            {
                "type": "array",
                "items": {"type": "string", "enum": list(Capability.values)},
                "minItems": 1,
                "maxItems": MOST_CAPABILITIES,
            },
            {
                "type": "string",
                "pattern": "^({0})(,({0})){{0,{1}}}$".format(
                    "|".join(Capability.values), MOST_CAPABILITIES - 1
                ),
                "maxLength": 512,
            },
        ]
    }
)
class CapabilitiesField(serializers.Field):
    """A list of capabilities, or their names between commas."""

    def to_internal_value(self, data: Any) -> tuple[str, ...]:
        """Take the known ones; what came is never quoted back."""
        names = data.split(",") if isinstance(data, str) else data
        if not isinstance(names, list) or not 1 <= len(names) <= MOST_CAPABILITIES:
            raise serializers.ValidationError(
                f"This must be 1 to {MOST_CAPABILITIES} names, in a list or between "
                "commas."
            )
        if not all(isinstance(n, str) and n in Capability.values for n in names):
            raise serializers.ValidationError(
                f"Each must be one of: {', '.join(Capability.values)}."
            )
        return tuple(dict.fromkeys(names))

    def to_representation(self, value: Any) -> Any:
        """Give them back as a list."""
        return list(value)


@extend_schema_field({})
class AnythingField(serializers.Field):
    """Any JSON, given back as it is stored."""

    def to_representation(self, value: Any) -> Any:
        """Give it back."""
        return value


@extend_schema_field({"type": "string", "enum": list(TaskType.values)})
class TaskTypeField(serializers.Field):
    """One of the task types; another one is refused in the earlier system's words."""

    def to_internal_value(self, data: Any) -> str:
        """Take a known type.

        Raises:
            InvalidTaskType: it is none.
        """
        if not isinstance(data, str) or data not in TaskType.values:
            known = ", ".join(TaskType.values)
            raise InvalidTaskType(f"The task type must be one of: {known}.")
        return data


class RegistrationSerializer(StrictSerializer):
    """What an agent says of itself."""

    agent_id = StrictCharField(max_length=64, validators=[AGENT_ID])
    capabilities = CapabilitiesField()
    endpoint = StrictCharField(
        required=False,
        max_length=LONGEST_URL,
        validators=[check_endpoint],
        help_text="An https URL on an allowed port; what /call is below. See "
        "docs/agents.md for what is refused. Needed unless the protocol is pull.",
    )
    location = StrictCharField(
        required=False, max_length=64, validators=[LOCATION], help_text="Default cloud."
    )
    supports_raw_media = StrictBooleanField(required=False)
    version = StrictCharField(required=False, max_length=64, validators=[WORD])
    protocol = StrictChoiceField(
        choices=[(name, name) for name in (*PROTOCOLS, PULL)],
        required=False,
        help_text="How screenings are sent to it; native when absent. With pull it is "
        "never called, and leases its tasks.",
    )
    model = StrictCharField(
        required=False,
        max_length=200,
        validators=[WORD],
        help_text="The name of its model, where the protocol needs one.",
    )
    gpu = StrictBooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for an endpoint where the agent is to be called."""
        if "endpoint" not in attrs and attrs.get("protocol") != PULL:
            raise serializers.ValidationError(
                {"endpoint": serializers.Field.default_error_messages["required"]}
            )
        return attrs


class RegistrationQuerySerializer(RegistrationSerializer):
    """The same as query parameters, where everything is text."""

    supports_raw_media = serializers.BooleanField(required=False)  # type: ignore[assignment]
    gpu = serializers.BooleanField(required=False)  # type: ignore[assignment]


class RegisteredSerializer(serializers.Serializer):
    """The answer to a registration and to a heartbeat."""

    status = serializers.ChoiceField(choices=[("ok", "ok")])
    agent_id = serializers.CharField()
    approved = serializers.BooleanField(
        help_text="Whether a person has approved it: until then it gets no work."
    )


class HeartbeatSerializer(StrictSerializer):
    """What an agent says of how it does. All of it is optional."""

    health_status = StrictChoiceField(choices=Agent.Health.choices, required=False)
    latency_ms = StrictNumberField(
        required=False,
        min_value=0,
        max_value=3_600_000,
        help_text="Its own 95th percentile; used until ours is learnt.",
    )
    load_score = StrictNumberField(
        required=False, min_value=0, max_value=1, help_text="0 idle, 1 full."
    )


class AgentSerializer(serializers.Serializer):
    """One agent, and how it does."""

    agent_id = serializers.CharField()
    capabilities = serializers.ListField(child=serializers.CharField())
    endpoint = serializers.CharField()
    protocol = serializers.CharField()
    location = serializers.CharField()
    supports_raw_media = serializers.BooleanField()
    gpu = serializers.BooleanField()
    version = serializers.CharField()
    state = serializers.CharField(help_text="ready, or why it gets no work now.")
    health_status = serializers.ChoiceField(choices=Agent.Health.choices)
    load_score = serializers.FloatField()
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    last_error = serializers.CharField(allow_null=True)
    last_error_at = serializers.DateTimeField(allow_null=True)
    registered_at = serializers.DateTimeField()
    heard_at = serializers.DateTimeField()


class ClientSerializer(StrictSerializer):
    """The program that asks."""

    app = StrictCharField(required=False, max_length=128)
    version = StrictCharField(required=False, max_length=64)
    user_id = StrictCharField(required=False, max_length=128)


class ProvenanceSerializer(StrictSerializer):
    """Where the payload comes from."""

    consent_id = StrictCharField(required=False, max_length=128)
    submitted_at = StrictCharField(required=False, max_length=64)


class EnvelopeSerializer(StrictSerializer):
    """One piece of work for the best agent."""

    request_id = StrictCharField(required=False, min_length=1, max_length=128)
    case_id = StrictCharField(
        min_length=1, max_length=128, validators=[CASE_ID, NO_TAGS]
    )
    client = ClientSerializer(required=False)
    task = StrictCharField(required=False, max_length=128, validators=[WORD])
    capability = CapabilitiesField()
    priority = StrictChoiceField(
        choices=[(p, p) for p in ("low", "normal", "high")], required=False
    )
    timeout_ms = StrictIntegerField(
        required=False, min_value=100, max_value=120_000, help_text="Default 5000."
    )
    payload = serializers.DictField(required=False)
    provenance = ProvenanceSerializer(required=False)


class CalledSerializer(serializers.Serializer):
    """What the agent answered."""

    request_id = serializers.CharField()
    agent_id = serializers.CharField()
    agent_response = serializers.DictField()


@extend_schema_field({"type": "object", "additionalProperties": {}})
class ObjectField(serializers.Field):
    """A JSON object, kept as it is, of at most so many bytes."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Take an object that is not too large."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be an object.")
        if len(json.dumps(data)) > MOST_PAYLOAD_BYTES:
            raise serializers.ValidationError("At most 256 KiB.")
        return data

    def to_representation(self, value: Any) -> Any:
        """Give it back as it is stored."""
        return value


class TaskConsentSerializer(StrictSerializer):
    """What was consented to; checked again before anything leaves."""

    consent_given = StrictBooleanField(required=False)
    consent_id = StrictCharField(required=False, max_length=128)


class TaskSerializer(StrictSerializer):
    """One piece of work for whichever agent can do it."""

    case_id = StrictCharField(
        min_length=1, max_length=128, validators=[CASE_ID, NO_TAGS]
    )
    task_type = TaskTypeField()
    payload = ObjectField(required=False)
    priority = StrictChoiceField(choices=Priority.choices, required=False)
    idempotency_key = StrictCharField(
        required=False, min_length=1, max_length=255, validators=[VISIBLE]
    )
    consent = TaskConsentSerializer(required=False)
    meta = ObjectField(required=False)


class RoutedSerializer(serializers.Serializer):
    """What became of a task at once."""

    task_id = serializers.CharField()
    status = serializers.ChoiceField(
        choices=[(s, s) for s in ("completed_sync", "queued", "duplicate")]
    )
    queue = serializers.CharField(required=False)
    result = AnythingField(required=False)
    agent_id = serializers.CharField(required=False)
    warning = serializers.CharField(required=False)


class TaskStateSerializer(serializers.Serializer):
    """How far a task has got."""

    task_id = serializers.CharField()
    status = serializers.ChoiceField(choices=[(s, s) for s in TASK_STATES])
    result = AnythingField()
    error = serializers.CharField(allow_null=True)
    agent_id = serializers.CharField(allow_null=True)
    attempts = serializers.IntegerField(min_value=0)
    route = serializers.ListField(child=serializers.DictField())
