"""What goes out over HTTP of signed reports, field by field."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from screening.documents.signed import DISCLAIMER, SignedReport
from screening.models import Review, Risk
from screening.services.report import FAMILY, WHOLE
from wire.fields import StrictChoiceField


class ReportQuerySerializer(serializers.Serializer):
    """Which part of a report is read."""

    part = StrictChoiceField(
        choices=[(WHOLE, "The whole report"), (FAMILY, "The sheet for the family")],
        default=WHOLE,
        help_text="`family`: the text for the family alone, as a PDF and nothing else, "
        "once it is approved, signed and released.",
    )


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


def report_body(report: SignedReport) -> dict[str, Any]:
    """Write a signed report field by field."""
    return {
        "case_id": report.case_id,
        "job_id": report.job_id,
        "risk": report.risk,
        "summary": report.summary,
        "recommendations": report.recommendations,
        "parent_text": report.parent_text,
        "outcome": report.outcome,
        "meaning": report.meaning,
        "signed_by": report.signer,
        "signed_at": report.signed_at.isoformat(),
        "released_at": report.released_at,
        "content_digest": report.digest,
        "is_whole": report.is_whole,
        "addenda": [
            {
                "number": each.number,
                "text": each.text,
                "signed_by": each.signer,
                "signed_at": each.signed_at,
                "content_digest": each.digest,
            }
            for each in report.additions
        ],
        "disclaimer": DISCLAIMER,
    }
