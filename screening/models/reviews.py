"""Reviews: what the clinician makes of a draft."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from screening.models.jobs import Job
from screening.models.risk import Risk


class Review(models.Model):
    """The clinician's side of a job. It begins as a copy of the draft."""

    class State(models.TextChoices):
        """Nothing automatic goes past needing review (DOMAIN: human in the loop)."""

        REQUIRES_REVIEW = "REQUIRES_REVIEW", "Needs review"
        SIGNED_OFF = "SIGNED_OFF", "Signed"
        DELIVERED = "DELIVERED", "Released"

    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="review")
    state = models.CharField(
        max_length=15, choices=State, default=State.REQUIRES_REVIEW, editable=False
    )
    risk = models.CharField(max_length=12, choices=Risk)
    summary = models.JSONField(default=list, blank=True)
    recommendations = models.JSONField(default=list, blank=True)
    parent_text = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    signed_off_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    signed_off_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        permissions = [("sign_off_review", "Can sign off a review")]
        indexes = [models.Index(name="review_by_state", fields=["state", "-id"])]
        constraints = [
            models.CheckConstraint(
                name="review_signed_off_by_someone",
                condition=Q(
                    state__in=["SIGNED_OFF", "DELIVERED"],
                    signed_off_by__isnull=False,
                    signed_off_at__isnull=False,
                )
                | Q(
                    state="REQUIRES_REVIEW",
                    signed_off_by__isnull=True,
                    signed_off_at__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="review_signed_with_a_usable_risk",
                condition=Q(state="REQUIRES_REVIEW") | ~Q(risk="unclassified"),
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.job_id} ({self.state})"
