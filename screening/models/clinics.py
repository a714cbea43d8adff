"""Clinics, and the keys that open their cases."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now


class Scope(models.TextChoices):
    """What an API key may do."""

    JOBS_WRITE = "jobs:write", "Submit, cancel and retry jobs"
    JOBS_READ = "jobs:read", "Read jobs and cases"
    DRAFTS = "drafts", "See drafts that no clinician has signed"
    CONSENTS_READ = "consents:read", "Read consents"
    CONSENTS_WRITE = "consents:write", "Record and revoke consents"
    TASKS_WRITE = "tasks:write", "Route tasks to agents"
    TASKS_READ = "tasks:read", "Read tasks"
    AGENTS_READ = "agents:read", "See agents and how they do"
    AGENTS_WRITE = "agents:write", "Register agents"
    METRICS_READ = "metrics:read", "Read the metrics"


def _hours(what: str, *, default: str) -> models.PositiveSmallIntegerField:
    return models.PositiveSmallIntegerField(
        f"{what}: hours until signed",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(8760)],
        help_text=f"From the end of the job. Empty: {default}.",
    )


class Clinic(models.Model):
    """The tenant: every case, key and reviewer belongs to clinics."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        blank=True,
        related_name="clinics",
        help_text="Who sees the clinic's cases in the desk.",
    )
    refer_hours = _hours("Refer, and answers that cannot be used", default="24")
    discuss_hours = _hours("Discuss", default="72")
    monitor_hours = _hours("Monitor", default="168")
    on_track_hours = _hours("On track", default="336")

    class Meta:
        ordering = ["name"]
        permissions = [
            ("view_events_of_no_clinic", "Can view events that belong to no clinic"),
        ]

    def __str__(self) -> str:
        return self.name


class ApiKey(models.Model):
    """One client's key: a prefix to find it by, and the SHA-256 of the whole.

    The key has 256 random bits, so that a fast digest is enough.
    """

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="keys")
    scopes = models.JSONField(default=list, help_text="Such as jobs:write, jobs:read.")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"
