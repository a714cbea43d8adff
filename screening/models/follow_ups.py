"""What a clinician asks to be done for a child beside the report."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from screening.models.reviews import Review


class FollowUp(models.Model):
    """One request: a new screening, or a referral to somebody."""

    class Kind(models.TextChoices):
        """What is asked for."""

        RESCREEN = "rescreen", "New screening"
        REFERRAL = "referral", "Referral"

    review = models.ForeignKey(
        Review, on_delete=models.PROTECT, related_name="follow_ups"
    )
    kind = models.CharField(max_length=8, choices=Kind)
    to = models.CharField(max_length=200, blank=True, default="", db_default="")
    due_on = models.DateField(null=True, blank=True)
    note = models.CharField(max_length=1000, blank=True, default="", db_default="")
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="follow_up_kind_known",
                condition=Q(kind__in=["rescreen", "referral"]),
            ),
            models.CheckConstraint(
                name="follow_up_referral_says_to_whom",
                condition=~Q(kind="referral", to=""),
            ),
            models.CheckConstraint(
                name="follow_up_rescreen_says_when",
                condition=~Q(kind="rescreen", due_on__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for review {self.review_id}"
