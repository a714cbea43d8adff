"""Where clinics want to be told, and what was told: an outbox with its history."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from claims.work import Status, Work, WorkQuerySet
from screening.models.clinics import Clinic
from screening.models.jobs import Job
from screening.webhooks import EVENTS, TEST


class WebhookEndpoint(models.Model):
    """A URL that a clinic is told at; without one, its submissions' callback URLs.

    Of a secret nothing is stored that it could be read from: it is made from
    DJANGO_SECRET_KEY and the salt, and ``check`` tells whether it still is the same.
    """

    class State(models.TextChoices):
        """Whether it is told anything."""

        ENABLED = "enabled", "Enabled"
        DISABLED = "disabled", "Disabled"
        GONE = "gone", "Gone: it answered 410"

    clinic = models.ForeignKey(
        Clinic, on_delete=models.PROTECT, related_name="webhooks"
    )
    url = models.CharField(
        "URL",
        max_length=2000,
        blank=True,
        default="",
        help_text="Empty: for what submissions name as their callback_url.",
    )
    events = models.JSONField(default=list)
    state = models.CharField(
        max_length=8, choices=State, default=State.ENABLED, editable=False
    )
    salt = models.CharField(max_length=64, editable=False)
    check_digest = models.CharField(max_length=16, editable=False)
    earlier_salt = models.CharField(
        max_length=64, blank=True, default="", editable=False
    )
    earlier_check_digest = models.CharField(
        max_length=16, blank=True, default="", editable=False
    )
    earlier_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["clinic", "url"]
        constraints = [
            models.UniqueConstraint(
                name="webhook_url_once_per_clinic",
                fields=["clinic", "url"],
                violation_error_message="The clinic has this endpoint already.",
            ),
            models.CheckConstraint(
                name="webhook_state_known",
                condition=Q(state__in=["enabled", "disabled", "gone"]),
            ),
        ]

    def __str__(self) -> str:
        return f"endpoint {self.pk}"

    @property
    def is_for_callbacks(self) -> bool:
        """Say whether it stands for the callback URLs of submissions."""
        return not self.url


class DeliveryQuerySet(WorkQuerySet):
    """Deliveries, asked and written as all work is."""


class WebhookDelivery(Work):
    """One event for one endpoint, from the commit that it tells of to its receipt.

    Its id is the ``webhook-id``: the same at each try. What is told is kept as ids and
    states, so that the body is made anew, and is the same each time.
    """

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries"
    )
    url = models.CharField(
        max_length=2000,
        blank=True,
        default="",
        editable=False,
        help_text="A submission's callback_url; empty: the endpoint's own.",
    )
    event = models.CharField(
        max_length=32, choices=[*EVENTS, (TEST, "A test")], editable=False
    )
    job = models.ForeignKey(
        Job, null=True, on_delete=models.PROTECT, related_name="told", editable=False
    )
    job_status = models.CharField(max_length=9, blank=True, default="", editable=False)
    review_state = models.CharField(
        max_length=15, blank=True, default="", editable=False
    )
    answered = models.PositiveSmallIntegerField(
        "last status", null=True, editable=False, help_text="Of the last answer."
    )
    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name_plural = "webhook deliveries"
        indexes = [
            models.Index(name="webhook_newest", fields=["-created_at", "-id"]),
            models.Index(
                name="webhook_newest_of_endpoint",
                fields=["endpoint", "-created_at", "-id"],
            ),
            # Almost all rows have ended.
            models.Index(
                name="webhook_pending_by_due_time",
                fields=["not_before"],
                condition=Q(status="PENDING"),
            ),
            models.Index(
                name="webhook_running_by_lease",
                fields=["lease_until"],
                condition=Q(status="RUNNING"),
            ),
            models.Index(
                name="webhook_dead", fields=["endpoint"], condition=Q(status="FAILED")
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="webhook_status_known",
                condition=Q(status__in=["PENDING", "RUNNING", "DONE", "FAILED"]),
            ),
            models.CheckConstraint(
                name="webhook_finished_iff_ended",
                condition=Q(status__in=["DONE", "FAILED"], finished_at__isnull=False)
                | Q(status__in=["PENDING", "RUNNING"], finished_at__isnull=True),
            ),
            models.CheckConstraint(
                name="webhook_leased_iff_running",
                condition=Q(status="RUNNING", lease_until__isnull=False)
                | (~Q(status="RUNNING") & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="webhook_given_up_has_code",
                condition=~Q(status="FAILED", error_code=""),
            ),
            models.CheckConstraint(
                name="webhook_event_known",
                condition=Q(event__in=[*(name for name, _ in EVENTS), TEST]),
            ),
            models.CheckConstraint(
                name="webhook_tells_of_a_job_or_is_a_test",
                condition=Q(event=TEST, job__isnull=True)
                | (~Q(event=TEST) & Q(job__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"

    @property
    def state(self) -> str:
        """Return its status in the words that suit it."""
        return {
            Status.PENDING: "Waiting" if not self.failures else "To be tried again",
            Status.RUNNING: "Being delivered",
            Status.DONE: "Delivered",
        }.get(Status(self.status), "Given up")
