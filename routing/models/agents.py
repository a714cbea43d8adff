"""Agents: what they say of themselves, and what they are allowed."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

BY_A_PERSON = "user:"
TOKEN_PREFIX = "AGENT_TOKEN_"  # noqa: S105 - of a variable's name


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
        """Mark as ``is_silent`` those not heard of for ``ORCHESTRATOR_AGENT_TTL``.

        One that a person registered need not speak: its health is looked after.
        """
        since = Now() - timedelta(seconds=settings.ORCHESTRATOR_AGENT_TTL)
        silent = Q(heard_at__lt=since) & ~Q(registered_by__startswith=BY_A_PERSON)
        return self.annotate(
            is_silent=models.Case(models.When(silent, then=True), default=False)
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
                name="agent_is_sent_no_other_secret",
                condition=Q(token_env="") | Q(token_env__startswith=TOKEN_PREFIX),
            ),
            models.CheckConstraint(
                name="agent_load_is_a_share",
                condition=Q(load_score__gte=0, load_score__lte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.agent_id
