"""What goes in and out over HTTP, field by field."""

from __future__ import annotations

import re
from typing import Any

from django.core.validators import URLValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from screening.models import FollowUp, Job, Review, Risk
from screening.submissions import (
    ANSWERS,
    DEFAULT_SHAPE,
    MAX_EMBEDDING_TEXT,
    MAX_EMBEDDING_VALUES,
    PREFERRED_TARGETS,
    PRIORITIES,
    check_embedding,
)
from wire.fields import (
    StrictBooleanField,
    StrictCharField,
    StrictChoiceField,
    StrictIntegerField,
    StrictSerializer,
)
from wire.texts import CASE_ID, NO_NUL, NO_TAGS, WholeTextValidator, pattern_of

IDEMPOTENCY_KEY_PATTERN = re.compile(r"^[!-~]{1,255}$")
IDEMPOTENCY_KEY = WholeTextValidator(
    IDEMPOTENCY_KEY_PATTERN,
    "1 to 255 visible ASCII characters.",
)
# Names with a top-level domain, and IPv4 addresses: what URLValidator takes without
# user information, IPv6 and characters that only look like others.
CALLBACK_URL = WholeTextValidator(
    r"^https://(([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,63}|"
    r"((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\.){3}"
    r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9]))(:[0-9]{1,5})?([/?#][!-~]*)?$",
    "This must be an https URL of a host on the network.",
)
_BASE64 = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
MILESTONE_KEY = re.compile(r"^[0-9]{1,3}m\.[a-z_]{1,40}\.[a-z0-9_]{1,80}$")
MOST_ANSWERS = 200
MAX_TEXT = 20_000


def nullable_choice(choices: list[tuple[str, Any]]) -> type[serializers.Field]:
    """Make a field of some choices or null.

    Of a plain one that may be null, drf-spectacular forgets the null.
    """
    names = [name for name, _ in choices]

    @extend_schema_field({"anyOf": [{"type": "string", "enum": names}]})
    class NullableChoiceField(serializers.ChoiceField):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(choices, allow_null=True, **kwargs)

    return NullableChoiceField


ReviewStateField = nullable_choice(
    [("QUEUED", "Waiting for a draft"), *Review.State.choices]
)
RiskField = nullable_choice(Risk.choices)
OutcomeField = nullable_choice(Review.Outcome.choices)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "string", "enum": [key for key, _ in ANSWERS]},
        "propertyNames": {"pattern": r"^[0-9]{1,3}m\.[a-z_]{1,40}\.[a-z0-9_]{1,80}$"},
        "maxProperties": MOST_ANSWERS,
        "example": {"24m.language.two_words_together": "not_yet"},
    }
)
class MilestoneAnswersField(serializers.Field):
    """Milestone key -> yes, not_yet or not_sure."""

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Check keys by shape and answers by value; neither is quoted back."""
        if not isinstance(data, dict):
            raise serializers.ValidationError("This must be an object.")
        if len(data) > MOST_ANSWERS:
            raise serializers.ValidationError(f"At most {MOST_ANSWERS} answers.")
        if not all(MILESTONE_KEY.fullmatch(key) for key in data):
            raise serializers.ValidationError(
                "Each key must look like 24m.language.two_words_together."
            )
        allowed = dict(ANSWERS)
        if not all(isinstance(a, str) and a in allowed for a in data.values()):
            raise serializers.ValidationError(
                "Each answer must be one of: yes, not_yet, not_sure."
            )
        return data

    def to_representation(self, value: Any) -> Any:
        """Give it back as it is stored."""
        return value


@extend_schema_field(
    {
        "type": "string",
        "contentEncoding": "base64",
        "minLength": 1,
        "maxLength": MAX_EMBEDDING_TEXT,
        "pattern": _BASE64,
    }
)
class EmbeddingField(StrictCharField):
    """Base64 text; what it holds is checked against the shape."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=MAX_EMBEDDING_TEXT, **kwargs)


@extend_schema_field(
    {"type": "string", "maxLength": MAX_TEXT, "pattern": pattern_of(NO_NUL)}
)
class FreeTextField(serializers.Field):
    """Anything that can be stored, also nothing.

    Of a CharField with ``allow_blank`` and a pattern, drf-spectacular would make two
    schemas that both fit the empty text.
    """

    def to_internal_value(self, data: Any) -> str:
        """Take a str as it is."""
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a string.")
        if len(data) > MAX_TEXT:
            raise serializers.ValidationError(f"At most {MAX_TEXT} characters.")
        return data

    def to_representation(self, value: Any) -> Any:
        """Give it back as it is stored."""
        return value


class FlagsSerializer(StrictSerializer):
    """What the caregiver or clinician marked."""

    lost_skill = StrictBooleanField(required=False)
    parent_concern = StrictBooleanField(required=False)


class ConsentSerializer(StrictSerializer):
    """What was consented to; checked again before data leaves the clinic."""

    consent_given = StrictBooleanField(required=False)
    consent_id = StrictCharField(required=False, max_length=128)
    scopes = serializers.ListField(
        child=StrictCharField(max_length=64), required=False, max_length=20
    )


class SubmissionSerializer(StrictSerializer):
    """One screening job. Every field is optional; unknown ones are refused."""

    case_id = StrictCharField(
        required=False,
        min_length=1,
        max_length=128,
        validators=[CASE_ID, NO_TAGS],
        help_text="The clinic's own identifier; made when absent.",
    )
    age_months = StrictIntegerField(
        required=False, min_value=0, max_value=240, help_text="Age since birth."
    )
    observations = FreeTextField(
        required=False,
        help_text="Free text from the caregiver or clinician.",
    )
    embedding_b64 = EmbeddingField(
        required=False,
        help_text="Base64 of little-endian float32 values, all of them finite.",
    )
    shape = serializers.ListField(
        child=StrictIntegerField(min_value=1, max_value=MAX_EMBEDDING_VALUES),
        required=False,
        min_length=2,
        max_length=2,
        help_text="Shape of the embedding; [1, 256] when absent.",
    )
    preferred_target = StrictChoiceField(choices=PREFERRED_TARGETS, required=False)
    preferred_target_strict = StrictBooleanField(
        required=False, help_text="Never fall back to another target."
    )
    priority = StrictChoiceField(choices=PRIORITIES, required=False)
    gestational_weeks = StrictIntegerField(
        required=False,
        min_value=22,
        max_value=44,
        help_text="Weeks at birth; below 37 the age is corrected until 24 months.",
    )
    milestones = MilestoneAnswersField(required=False)
    flags = FlagsSerializer(required=False)
    consent = ConsentSerializer(required=False)
    callback_url = StrictCharField(
        required=False,
        max_length=2000,
        validators=[CALLBACK_URL, URLValidator(schemes=["https"])],
        help_text="An https URL.",
    )
    idempotency_key = StrictCharField(
        required=False,
        min_length=1,
        max_length=255,
        validators=[IDEMPOTENCY_KEY],
        help_text="As the Idempotency-Key header, which goes first.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check the embedding against its shape.

        Raises:
            EmbeddingParseError, EmbeddingShapeMismatch: it cannot be used.
        """
        if "embedding_b64" in attrs:
            shape = attrs.get("shape", DEFAULT_SHAPE)
            check_embedding(attrs["embedding_b64"], shape)
        return attrs


class AcceptedSerializer(serializers.Serializer):
    """The answer to a submission."""

    job_id = serializers.UUIDField()
    queued_at = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=[("PENDING", "Pending")])
    case_id = serializers.CharField()


class ErrorSerializer(serializers.Serializer):
    """The envelope of every refusal."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = serializers.DictField()
    detail = serializers.CharField()


class BulkLineSerializer(serializers.Serializer):
    """The answer to one line: what was accepted, or why it was not."""

    index = serializers.IntegerField(min_value=0)
    job_id = serializers.UUIDField(required=False)
    queued_at = serializers.DateTimeField(required=False)
    status = serializers.ChoiceField(choices=[("PENDING", "Pending")], required=False)
    case_id = serializers.CharField(required=False)
    replayed = serializers.BooleanField(required=False)
    error = ErrorSerializer(required=False)


class JobSerializer(serializers.Serializer):
    """One job, as far as the key may see it."""

    job_id = serializers.UUIDField()
    case_id = serializers.CharField()
    status = serializers.ChoiceField(choices=Job.Status.choices)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    result = serializers.DictField(
        allow_null=True,
        help_text="What was signed; until then the draft, for keys with `drafts`.",
    )
    draft = serializers.DictField(
        allow_null=True, help_text="What the model said, for keys with `drafts`."
    )
    error = serializers.CharField(allow_null=True, max_length=2048)
    error_code = serializers.CharField(allow_null=True)
    review_state = ReviewStateField()
    attempt = serializers.IntegerField(min_value=0)
    target = serializers.CharField(allow_null=True)
    model_id = serializers.CharField(allow_null=True)
    risk = RiskField(help_text="What was signed, or what the case is listed under.")
    outcome = OutcomeField(help_text="What the signature means.")
    signed_at = serializers.DateTimeField(allow_null=True)
    priority = serializers.ChoiceField(choices=PRIORITIES)


class FollowUpSerializer(serializers.Serializer):
    """What a clinician asked for beside a report; the note stays in the desk."""

    kind = serializers.ChoiceField(choices=FollowUp.Kind.choices)
    due_on = serializers.DateField(allow_null=True)
    asked_at = serializers.DateTimeField()


class CaseSerializer(serializers.Serializer):
    """One case with its newest jobs."""

    case_id = serializers.CharField()
    created_at = serializers.DateTimeField()
    review_state = ReviewStateField(help_text="Of the newest job.")
    jobs = JobSerializer(many=True)
    follow_ups = FollowUpSerializer(
        many=True, help_text="New screenings and referrals, newest first."
    )


SIGNED = {Review.State.SIGNED_OFF, Review.State.DELIVERED}
JOB_COLUMNS = (
    "id",
    "case__case_id",
    "status",
    "created_at",
    "updated_at",
    "result",
    "error",
    "error_code",
    "review__state",
    "review__risk",
    "review__summary",
    "review__recommendations",
    "review__parent_text",
    "review__outcome",
    "review__signed_off_at",
    "attempt",
    "target",
    "model_id",
    "risk",
    "priority",
)


def job_body(row: dict[str, Any], *, drafts: bool) -> dict[str, Any]:
    """Turn a row of `JOB_COLUMNS` into what the key may see.

    The release gate: without ``drafts``, nothing the model said is shown until a
    clinician has signed; and then it is what was signed that is shown, to all. The
    draft itself stays in ``draft``, for keys that may see drafts.
    """
    ended = row["status"] in Job.ENDED
    signed = row["review__state"] in SIGNED
    draft = row["result"] if drafts else None
    risk = row["review__risk"] if signed else row["risk"]
    return {
        "job_id": row["id"],
        "case_id": row["case__case_id"],
        "status": row["status"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "result": _signed_result(row) if signed else draft,
        "draft": draft,
        "error": row["error"] or None,
        "error_code": row["error_code"] or None,
        "review_state": row["review__state"] or (None if ended else "QUEUED"),
        "attempt": row["attempt"],
        "target": row["target"] or None,
        "model_id": row["model_id"] or None,
        "risk": (risk or None) if drafts or signed else None,
        "outcome": row["review__outcome"] or None,
        "signed_at": row["review__signed_off_at"],
        "priority": row["priority"],
    }


def _signed_result(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a clinician signed, in the words of a result."""
    return {
        "risk": row["review__risk"],
        "summary": row["review__summary"],
        "recommendations": row["review__recommendations"],
        "parent_text": row["review__parent_text"],
    }
