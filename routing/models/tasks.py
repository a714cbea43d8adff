"""Tasks: pieces of work for agents, as they were given to ``POST /route_task``."""

from __future__ import annotations

import uuid
from typing import Self

from django.db import models
from django.db.models import Q

from claims.work import Work, WorkQuerySet

PREFIX = "task-"
EMPTY_LIST = models.Value([], output_field=models.JSONField())


class TaskType(models.TextChoices):
    """What may be asked."""

    EMBED = "embed", "Embed"
    ANALYZE_MONITOR = "analyze_monitor", "Analyse for monitoring"
    ANALYZE_REFER = "analyze_refer", "Analyse for referral"
    AUDIT_LOG = "audit_log", "Audit"
    INDEXING = "indexing", "Index"


CAPABILITIES: dict[str, tuple[str, ...]] = {
    TaskType.EMBED: ("embed",),
    TaskType.ANALYZE_MONITOR: ("analyze_light", "analyze_monitor"),
    TaskType.ANALYZE_REFER: ("analyze_heavy", "analyze_refer"),
    TaskType.AUDIT_LOG: ("audit",),
    TaskType.INDEXING: ("indexing",),
}
"""The capabilities that each type wants (CONTRACT 3)."""


class Priority(models.TextChoices):
    """How soon; each has a stream of its own."""

    URGENT = "urgent", "Urgent"
    HIGH = "high", "High"
    NORMAL = "normal", "Normal"
    LOW = "low", "Low"


class TaskQuerySet(WorkQuerySet):
    """Questions asked of tasks more than once."""

    def dead(self) -> Self:
        """Keep the dead letters."""
        return self.filter(dead_at__isnull=False)


class Task(Work):
    """One piece of work for whichever agent can do it.

    Case and clinic are named by value: routing knows neither. A dead letter is a task
    that failed in the end and may be replayed.
    """

    clinic = models.CharField(max_length=64, editable=False)
    client = models.CharField(max_length=64, editable=False, help_text="The API key.")
    case_id = models.CharField("case", max_length=128, editable=False)
    task_type = models.CharField(
        "type", max_length=32, choices=TaskType, editable=False
    )
    priority = models.CharField(
        max_length=8, choices=Priority, default=Priority.NORMAL, editable=False
    )
    payload = models.JSONField(default=dict, editable=False)
    consent = models.JSONField(default=dict, editable=False)
    meta = models.JSONField(default=dict, editable=False)
    idempotency_key = models.CharField(max_length=255, blank=True, editable=False)
    agent_id = models.CharField("agent", max_length=64, blank=True, editable=False)
    route = models.JSONField(
        default=list,
        db_default=EMPTY_LIST,
        editable=False,
        help_text="Each decision and try, in order.",
    )
    result = models.JSONField(null=True, editable=False)
    rung_at = models.DateTimeField(
        null=True, editable=False, help_text="When its id was last put on a stream."
    )
    dead_at = models.DateTimeField("dead since", null=True, editable=False)
    # Null, since for a default SQLite would make the table anew.
    traceparent = models.CharField(  # noqa: DJ001
        max_length=55,
        null=True,
        editable=False,
        help_text="The trace of the request that brought it, if it has one.",
    )

    objects = TaskQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(name="task_newest", fields=["-created_at", "-id"]),
            models.Index(name="task_of_case", fields=["clinic", "case_id"]),
            models.Index(
                name="task_pending_by_due_time",
                fields=["priority", "not_before"],
                condition=Q(status="PENDING"),
            ),
            models.Index(
                name="task_waiting_longest",
                fields=["not_before"],
                condition=Q(status="PENDING"),
            ),
            models.Index(
                name="task_running_by_lease",
                fields=["lease_until"],
                condition=Q(status="RUNNING"),
            ),
            models.Index(
                name="task_dead", fields=["dead_at"], condition=Q(dead_at__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                name="task_key_once_per_client",
                fields=["client", "idempotency_key"],
                condition=~Q(idempotency_key=""),
            ),
            models.CheckConstraint(
                name="task_status_known",
                condition=Q(
                    status__in=["PENDING", "RUNNING", "DONE", "FAILED", "CANCELLED"]
                ),
            ),
            models.CheckConstraint(
                name="task_type_known", condition=Q(task_type__in=TaskType.values)
            ),
            models.CheckConstraint(
                name="task_priority_known", condition=Q(priority__in=Priority.values)
            ),
            models.CheckConstraint(
                name="task_leased_iff_running",
                condition=Q(status="RUNNING", lease_until__isnull=False)
                | (~Q(status="RUNNING") & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="task_failed_iff_error_code",
                condition=(Q(status="FAILED") & ~Q(error_code=""))
                | (~Q(status="FAILED") & Q(error_code="")),
            ),
            models.CheckConstraint(
                name="task_done_iff_result",
                condition=Q(status="DONE", result__isnull=False)
                | (~Q(status="DONE") & Q(result__isnull=True)),
            ),
            models.CheckConstraint(
                name="task_dead_only_if_failed",
                condition=Q(dead_at__isnull=True) | Q(status="FAILED"),
            ),
        ]

    def __str__(self) -> str:
        return f"task {self.pk} ({self.status})"

    @property
    def public_id(self) -> str:
        """Return the id under which clients know it."""
        return public_id(self.pk)

    def log_fields(self) -> dict[str, str]:
        """Return its public id, under the name that it has in log lines about it."""
        return {"task_id": self.public_id}

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the capabilities that it wants."""
        return CAPABILITIES[self.task_type]


def public_id(pk: uuid.UUID) -> str:
    """Return ``task-`` and 32 hex digits."""
    return f"{PREFIX}{pk.hex}"


def private_id(text: str) -> uuid.UUID | None:
    """Read a public id; None if it is none."""
    digits = text.removeprefix(PREFIX)
    if len(digits) != 32 or not text.startswith(PREFIX) or digits != digits.lower():
        return None
    try:
        found = uuid.UUID(hex=digits)
    except ValueError:
        return None
    return found if found.hex == digits else None
