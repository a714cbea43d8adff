"""What goes in and out over HTTP about consents, field by field."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consent.models import Consent, Scope, State
from wire.fields import StrictCharField, StrictChoiceField, StrictSerializer
from wire.query import AwareDateTimeField
from wire.texts import CASE_ID, NO_TAGS, pattern_of

CONSENT_ID_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": 128,
    "pattern": pattern_of(CASE_ID),
}


@extend_schema_field({"type": "string", "format": "date-time"})
class TimeField(AwareDateTimeField):
    """A time with its offset, as a JSON string."""

    def to_internal_value(self, value: Any) -> datetime:
        """Read the text.

        Raises:
            ValidationError: it is no such text.
        """
        if not isinstance(value, str):
            self.fail("wrong")
        return super().to_internal_value(value)


class GivenConsentSerializer(StrictSerializer):
    """What was allowed for a case, and by whom."""

    consent_id = StrictCharField(
        min_length=1,
        max_length=128,
        validators=[CASE_ID, NO_TAGS],
        help_text="The clinic's own identifier of it.",
    )
    case_id = StrictCharField(
        min_length=1, max_length=128, validators=[CASE_ID, NO_TAGS]
    )
    scopes = serializers.ListField(
        child=StrictChoiceField(choices=Scope.choices),
        max_length=len(Scope.values),
        help_text="What is allowed; an empty list declines everything.",
    )
    given_by = StrictChoiceField(choices=Consent.GivenBy.choices)
    expires_at = TimeField(required=False)


class ConsentOfCaseSerializer(serializers.Serializer):
    """Whose consents are listed."""

    case_id = serializers.CharField(
        min_length=1,
        max_length=128,
        trim_whitespace=False,
        validators=[CASE_ID, NO_TAGS],
    )


class ConsentBodySerializer(serializers.Serializer):
    """One version of a consent."""

    consent_id = serializers.CharField()
    version = serializers.IntegerField(min_value=1)
    case_id = serializers.CharField()
    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Scope.choices))
    given_by = serializers.ChoiceField(choices=Consent.GivenBy.choices)
    given_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    revoked_at = serializers.DateTimeField(allow_null=True)
    state = serializers.ChoiceField(choices=State.choices)


class RevokedConsentSerializer(ConsentBodySerializer):
    """A revoked consent, and how much work it stopped."""

    jobs_stopped = serializers.IntegerField(min_value=0)
    tasks_stopped = serializers.IntegerField(min_value=0)
