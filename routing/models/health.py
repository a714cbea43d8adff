"""What has been seen of every target."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

CHECK_FAILURES_TO_BE_ILL = 2
EMPTY_OBJECT = models.Value({}, output_field=models.JSONField())


class TargetHealthQuerySet(models.QuerySet["TargetHealth"]):
    """Reading what was seen, by the database's clock."""

    def with_illness(self) -> Self:
        """Mark as ``is_ill`` those whose last health checks failed, not long ago.

        One failure may be chance, and a check of long ago says nothing of now.
        """
        since = Now() - timedelta(seconds=3 * settings.HEALTH_CHECK_SECONDS)
        ill = Q(check_failures__gte=CHECK_FAILURES_TO_BE_ILL, checked_at__gte=since)
        return self.annotate(
            is_ill=models.Case(models.When(ill, then=True), default=False)
        )


class TargetHealth(models.Model):
    """What the workers have seen of one target, agent or not, by its name."""

    name = models.CharField("target", max_length=64, unique=True)
    latency = models.JSONField(
        default=dict, editable=False, help_text="Answered calls by routing.latency."
    )
    latency_at = models.DateTimeField(db_default=Now(), editable=False)
    p50_ms = models.FloatField("p50", null=True, editable=False)
    p95_ms = models.FloatField("p95", null=True, editable=False)
    answered = models.PositiveBigIntegerField(default=0, editable=False)
    failed = models.PositiveBigIntegerField(default=0, editable=False)
    durations = models.JSONField(
        default=dict,
        db_default=EMPTY_OBJECT,
        editable=False,
        help_text="Calls by place in routing.latency.DURATIONS, from the beginning.",
    )
    seconds = models.FloatField(
        default=0, db_default=0, editable=False, help_text="All of these together."
    )
    answered_at = models.DateTimeField(null=True, editable=False)
    failed_at = models.DateTimeField("last failure", null=True, editable=False)
    last_error = models.CharField(max_length=64, blank=True, editable=False)
    checked_at = models.DateTimeField("health checked", null=True, editable=False)
    check_failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="Health checks failed in a row."
    )
    check_error = models.CharField(max_length=64, blank=True, editable=False)

    is_ill: bool
    """Set by `TargetHealthQuerySet.with_illness`."""

    objects = TargetHealthQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name = "model server"

    def __str__(self) -> str:
        return self.name
