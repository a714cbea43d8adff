"""The audit log, and the tree over it. Rows are only ever added.

The database refuses anything else, by the triggers of the migrations.
"""

from __future__ import annotations

import uuid
from typing import Any, NoReturn, Self

from django.db import models
from django.db.models.functions import Now

from audit.actions import LOOKED, vocabulary


class AuditIsAppendOnly(Exception):
    """Audit events are only added, by `audit.services.record`: none is changed."""


class AuditQuerySet(models.QuerySet["Audit"]):
    """Reading the log; the writing ends are closed."""

    def for_job(self, job_id: uuid.UUID) -> Self:
        """Keep the events of one job."""
        return self.filter(job_id=job_id)

    def changing(self) -> Self:
        """Leave out who only looked, or was refused at the door."""
        return self.exclude(action__in=LOOKED)

    def update(self, **kwargs: Any) -> NoReturn:
        """Refuse: see `AuditIsAppendOnly`."""
        raise AuditIsAppendOnly

    def delete(self) -> NoReturn:
        """Refuse: see `AuditIsAppendOnly`."""
        raise AuditIsAppendOnly

    def bulk_create(self, *args: Any, **kwargs: Any) -> NoReturn:
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

    canonical = models.TextField(
        editable=False, help_text="What is hashed; the columns are copies of it."
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
            models.Index(
                name="audit_by_request",
                fields=["request_id", "-id"],
                condition=~models.Q(request_id=""),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="audit_names_its_actor", condition=~models.Q(actor="")
            ),
            models.CheckConstraint(
                name="audit_has_its_text", condition=~models.Q(canonical="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor}"

    def save(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: see `AuditIsAppendOnly`."""
        raise AuditIsAppendOnly

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: see `AuditIsAppendOnly`."""
        raise AuditIsAppendOnly


class Pending(models.Model):
    """An event that is not sealed yet: put here by a trigger, with the event itself.

    Ids come in another order than commits, so that no highest id tells what is new.
    """

    event_id = models.BigIntegerField(primary_key=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"event {self.event_id}"


class Leaf(models.Model):
    """An event's place in the tree, and its hash there. Places have no gap."""

    tree_index = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(
        Audit, on_delete=models.DO_NOTHING, db_constraint=False, related_name="leaf"
    )
    hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"leaf {self.tree_index}"


class Node(models.Model):
    """The hash over 2**level leaves, of which position * 2**level is the first.

    Those of level 0 are the leaves themselves.
    """

    pk = models.CompositePrimaryKey("level", "position")
    level = models.PositiveSmallIntegerField()
    position = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"node {self.position} of level {self.level}"


class Checkpoint(models.Model):
    """What the tree was at one size, as a signed note. No size is signed twice."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(max_length=32)
    note = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        ordering = ["-size"]

    def __str__(self) -> str:
        return f"{self.size:,} events"


class Count(models.Model):
    """How many events of one kind there were among those counted already.

    See `audit.counting`. What an event does not tell is empty here.
    """

    action = models.CharField(max_length=64)
    task_type = models.CharField(max_length=64, blank=True)
    priority = models.CharField(max_length=64, blank=True)
    code = models.CharField(max_length=64, blank=True)
    number = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                name="count_once_per_kind",
                fields=["action", "task_type", "priority", "code"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.number:,} of {self.action}"


class CountedTo(models.Model):
    """Up to which event all are counted, and how far they can be next. One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    event_id = models.BigIntegerField(default=0)
    noted_id = models.BigIntegerField(default=0)
    noted_xid = models.BigIntegerField(default=0)
    noted_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"counted to event {self.event_id}"
