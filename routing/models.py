"""Agents, and what has been seen of every target."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

CHECK_FAILURES_TO_BE_ILL = 2


class Capability(models.TextChoices):
    """What an agent may say that it can do."""

    SCREEN = "screen", "Read a screening"
    EMBED = "embed", "Embed an image or a text"
    ANALYZE_LIGHT = "analyze_light", "Analyse lightly"
    ANALYZE_MONITOR = "analyze_monitor", "Analyse for monitoring"
    ANALYZE_HEAVY = "analyze_heavy", "Analyse in depth"
    ANALYZE_REFER = "analyze_refer", "Analyse for referral"
    AUDIT = "audit", "Audit"
    INDEXING = "indexing", "Index"
    TRIAGE = "triage", "Take urgent work first"


class AgentQuerySet(models.QuerySet["Agent"]):
    """Reading agents by the database's clock."""

    def with_silence(self) -> Self:
        """Mark as ``is_silent`` those not heard of for ``ORCHESTRATOR_AGENT_TTL``."""
        since = Now() - timedelta(seconds=settings.ORCHESTRATOR_AGENT_TTL)
        return self.annotate(
            is_silent=models.Case(
                models.When(heard_at__lt=since, then=True), default=False
            )
        )

    def of_clinic(self, slug: str) -> Self:
        """Keep the agents that may see a clinic's work: its own, and everybody's."""
        return self.filter(clinic__in=["", slug])


class Agent(models.Model):
    """A worker service that registered itself: what it says, and what we allow it."""

    class Health(models.TextChoices):
        """What an agent says of itself."""

        HEALTHY = "healthy", "Healthy"
        DEGRADED = "degraded", "Degraded"
        UNHEALTHY = "unhealthy", "Unhealthy"

    agent_id = models.CharField("agent", max_length=64, unique=True)
    clinic = models.CharField(
        max_length=64,
        blank=True,
        help_text="The one clinic whose work it may see, by its slug; empty: any.",
    )
    registered_by = models.CharField(max_length=150)
    endpoint = models.CharField(max_length=2000)
    protocol = models.CharField(max_length=32, default="native")
    model = models.CharField(
        max_length=200, blank=True, help_text="The server's name for its model."
    )
    token_env = models.CharField(
        "token variable",
        max_length=100,
        blank=True,
        help_text="The variable AGENT_TOKEN_… that holds the server's token.",
    )
    version = models.CharField(max_length=64, blank=True)
    capabilities = models.JSONField(default=list)
    location = models.CharField(max_length=64, default="cloud")
    supports_raw_media = models.BooleanField(default=False)
    gpu = models.BooleanField("GPU", default=False)

    health_status = models.CharField(
        max_length=16, choices=Health, default=Health.HEALTHY
    )
    told_latency_ms = models.FloatField(null=True, blank=True)
    load_score = models.FloatField("load", default=0.0)

    is_enabled = models.BooleanField("enabled", default=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.CharField(max_length=150, blank=True)
    registered_at = models.DateTimeField(db_default=Now(), editable=False)
    heard_at = models.DateTimeField(db_default=Now(), editable=False)

    is_silent: bool
    """Set by `AgentQuerySet.with_silence`."""

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ["agent_id"]
        constraints = [
            models.CheckConstraint(
                name="agent_approved_by_someone",
                condition=Q(approved_at=None, approved_by="")
                | (Q(approved_at__isnull=False) & ~Q(approved_by="")),
            ),
            models.CheckConstraint(
                name="agent_is_no_configured_target",
                condition=~Q(agent_id__in=["edge", "cloud", "auto"]),
            ),
            models.CheckConstraint(
                name="agent_load_is_a_share",
                condition=Q(load_score__gte=0, load_score__lte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.agent_id


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
