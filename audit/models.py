"""The audit log. Rows are only ever added; the database refuses anything else."""

from __future__ import annotations

import uuid
from typing import Any, NoReturn, Self

from django.db import models
from django.db.models.functions import Now

from audit.actions import vocabulary


class AuditIsAppendOnly(Exception):
    """Audit events are only ever added: none is changed or deleted."""


class AuditQuerySet(models.QuerySet["Audit"]):
    """Reading the log, and adding to it; the other writing ends are closed."""

    def for_job(self, job_id: uuid.UUID) -> Self:
        """Keep the events of one job."""
        return self.filter(job_id=job_id)

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse: see `AuditIsAppendOnly`."""
        raise AuditIsAppendOnly

    def delete(self) -> NoReturn:
        """Refuse: see `AuditIsAppendOnly`."""
        raise AuditIsAppendOnly

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: see `AuditIsAppendOnly`."""
        raise AuditIsAppendOnly


class Audit(models.Model):
    """One thing that happened, who did it, and in which request.

    Cases and jobs are named by value, not by foreign key: an event outlives
    what it describes, and this app knows nothing of the apps that write to it.
    """

    event_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    occurred_at = models.DateTimeField(db_default=Now(), editable=False)
    action = models.CharField(max_length=64, choices=vocabulary, editable=False)
    actor = models.CharField(
        max_length=150, editable=False, help_text="user:…, key:…, worker:… or system:…"
    )
    clinic = models.CharField(max_length=64, blank=True, editable=False)
    case_id = models.CharField(max_length=128, blank=True, editable=False)
    job_id = models.UUIDField(null=True, blank=True, editable=False)
    attempt = models.PositiveIntegerField(null=True, blank=True, editable=False)
    request_id = models.CharField(max_length=64, blank=True, editable=False)
    detail = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="Codes, counts and versions; never a child's words.",
    )

    objects = AuditQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "audit event"
        indexes = [
            models.Index(name="audit_by_job", fields=["job_id", "id"]),
            models.Index(name="audit_by_case", fields=["clinic", "case_id", "id"]),
            models.Index(name="audit_by_action", fields=["action", "-id"]),
            models.Index(name="audit_by_actor", fields=["actor", "-id"]),
        ]
        constraints = [
            models.CheckConstraint(
                name="audit_names_its_actor", condition=~models.Q(actor="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add a new event.

        Raises:
            AuditIsAppendOnly: the event is stored already.
        """
        if not self._state.adding:
            raise AuditIsAppendOnly
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: see `AuditIsAppendOnly`."""
        raise AuditIsAppendOnly
