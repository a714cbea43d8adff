"""What goes out over HTTP of signed reports, field by field."""

from __future__ import annotations

from rest_framework import serializers

from screening.models import Review, Risk


class AddendumSerializer(serializers.Serializer):
    """What was added to a signed report, under a signature of its own."""

    number = serializers.IntegerField(min_value=1)
    text = serializers.CharField()
    signed_by = serializers.CharField()
    signed_at = serializers.DateTimeField()
    content_digest = serializers.CharField()


class ReportSerializer(serializers.Serializer):
    """A signed report, word for word."""

    case_id = serializers.CharField()
    job_id = serializers.UUIDField()
    risk = serializers.ChoiceField(choices=Risk.choices)
    summary = serializers.ListField(child=serializers.CharField())
    recommendations = serializers.ListField(child=serializers.CharField())
    parent_text = serializers.CharField(allow_blank=True)
    outcome = serializers.ChoiceField(choices=Review.Outcome.choices)
    meaning = serializers.CharField()
    signed_by = serializers.CharField()
    signed_at = serializers.DateTimeField()
    released_at = serializers.DateTimeField(allow_null=True)
    content_digest = serializers.CharField()
    is_whole = serializers.BooleanField(
        help_text="Whether the content has the digest that was signed."
    )
    addenda = AddendumSerializer(many=True)
    disclaimer = serializers.CharField()
