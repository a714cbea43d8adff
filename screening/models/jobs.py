"""Jobs: how far the machine has got. Constraints carry the rules."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from screening.models.cases import Case
from screening.models.clinics import Clinic
from screening.models.risk import Risk
from screening.results import RISING
from screening.statements import update_each_returning_ids, update_returning_ids
from screening.submissions import PRIORITIES

# What a submission leaves out, the database fills in: the insert stays small.
EMPTY_LIST = models.Value([], output_field=models.JSONField())


class JobQuerySet(models.QuerySet["Job"]):
    """Questions asked of the job table more than once, and the fenced writes."""

    def due(self) -> Self:
        """Keep the jobs that wait for a worker and may be taken now."""
        return self.filter(status=Job.Status.PENDING, not_before__lte=Now())

    def held(self, attempt: int) -> Self:
        """Keep the jobs that are still running under this very claim."""
        return self.filter(status=Job.Status.RUNNING, attempt=attempt)

    def expired(self) -> Self:
        """Keep the running jobs whose worker has not renewed its lease in time."""
        return self.filter(status=Job.Status.RUNNING, lease_until__lt=Now())

    def claim(self, ids: Iterable[uuid.UUID], *, worker: str) -> list[uuid.UUID]:
        """Take those of the jobs that are due; return which were taken.

        One conditional UPDATE … RETURNING, so that of any number of workers handed
        the same id exactly one gets it. It counts the attempt, and sets the lease by
        the database's clock.
        """
        lease = timedelta(seconds=settings.JOB_LEASE_SECONDS)
        return (
            self.due()
            .filter(pk__in=list(ids))
            .update_returning_ids(
                status=Job.Status.RUNNING,
                attempt=F("attempt") + 1,
                worker=worker,
                lease_until=Now() + lease,
                started_at=Coalesce(F("started_at"), Now()),
                updated_at=Now(),
            )
        )

    def update_returning_ids(self, **values: Any) -> list[uuid.UUID]:
        """Update all rows of this queryset in one statement; return their ids."""
        return update_returning_ids(self, values)

    def complete(self, drafts: Sequence[dict[str, Any]]) -> set[uuid.UUID]:
        """Store drafts under the claims that brought them; return whose claims held.

        One UPDATE for all of them. Each draft holds ``id`` and ``attempt``, the fence,
        beside what is stored: a row that is not running under that attempt is left as
        it is.
        """
        stored = update_each_returning_ids(
            self.filter(status=Job.Status.RUNNING),
            keys=["id", "attempt"],
            constants={
                "status": Job.Status.DONE,
                "worker": "",
                "lease_until": None,
                "finished_at": Now(),
                "updated_at": Now(),
            },
            values=drafts,
        )
        return set(stored)


class Job(models.Model):
    """One inference request for a case, and how far the machine has got with it.

    What the clinician decides is in `Review`.
    """

    class Status(models.TextChoices):
        """The machine's side only."""

        PENDING = "PENDING", "Pending"
        RUNNING = "RUNNING", "Running"
        DONE = "DONE", "Done"
        FAILED = "FAILED", "Failed"
        CANCELLED = "CANCELLED", "Cancelled"

    ENDED = (Status.DONE, Status.FAILED, Status.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="jobs")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="jobs")
    client = models.CharField(max_length=64, editable=False, help_text="The API key.")
    priority = models.CharField(max_length=8, choices=PRIORITIES, default="normal")
    payload = models.JSONField(help_text="The submission, as it was accepted.")

    status = models.CharField(
        max_length=9,
        choices=Status,
        default=Status.PENDING,
        db_default=Status.PENDING,
        editable=False,
    )
    not_before = models.DateTimeField(db_default=Now(), editable=False)
    attempt = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Number of the last claim: the fence.",
    )
    worker = models.CharField(
        max_length=128, blank=True, default="", db_default="", editable=False
    )
    lease_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Model calls that failed, in a row.",
    )
    crashes = models.PositiveIntegerField(
        default=0,
        db_default=0,
        editable=False,
        help_text="Leases that ran out, in a row.",
    )

    target = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    route = models.JSONField(
        default=list,
        db_default=EMPTY_LIST,
        editable=False,
        help_text="Each decision and try, in order.",
    )
    result = models.JSONField(null=True, editable=False)
    result_problems = models.JSONField(
        default=list, db_default=EMPTY_LIST, editable=False
    )
    model_id = models.CharField(
        max_length=128, blank=True, default="", db_default="", editable=False
    )
    model_risk = models.CharField(
        max_length=12,
        blank=True,
        default="",
        db_default="",
        choices=Risk,
        editable=False,
    )
    rules_risk = models.CharField(
        max_length=12,
        blank=True,
        default="",
        db_default="",
        choices=Risk,
        editable=False,
    )
    risk = models.CharField(
        max_length=12,
        blank=True,
        default="",
        db_default="",
        choices=Risk,
        editable=False,
        help_text="What the case is listed under: the higher of model and rules.",
    )
    error_code = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    error = models.CharField(
        max_length=2048, blank=True, default="", db_default="", editable=False
    )

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(
                name="job_newest_of_clinic", fields=["clinic", "-created_at", "-id"]
            ),
            models.Index(name="job_newest", fields=["-created_at", "-id"]),
            models.Index(
                name="job_newest_by_status",
                fields=["clinic", "status", "-created_at", "-id"],
            ),
            models.Index(name="job_newest_of_case", fields=["case", "-created_at"]),
            # The reconciler asks for these often, and almost all rows have ended.
            models.Index(
                name="job_pending_by_due_time",
                fields=["not_before"],
                condition=Q(status="PENDING"),
            ),
            models.Index(
                name="job_running_by_lease",
                fields=["lease_until"],
                condition=Q(status="RUNNING"),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="job_status_known",
                condition=Q(
                    status__in=["PENDING", "RUNNING", "DONE", "FAILED", "CANCELLED"]
                ),
            ),
            models.CheckConstraint(
                name="job_priority_known",
                condition=Q(priority__in=["urgent", "high", "normal", "low"]),
            ),
            models.CheckConstraint(
                name="job_finished_iff_ended",
                condition=Q(
                    status__in=["DONE", "FAILED", "CANCELLED"],
                    finished_at__isnull=False,
                )
                | Q(status__in=["PENDING", "RUNNING"], finished_at__isnull=True),
            ),
            models.CheckConstraint(
                name="job_leased_iff_running",
                condition=Q(status="RUNNING", lease_until__isnull=False)
                | (~Q(status="RUNNING") & Q(lease_until__isnull=True)),
            ),
            models.CheckConstraint(
                name="job_failed_iff_error_code",
                condition=(Q(status="FAILED") & ~Q(error_code=""))
                | (~Q(status="FAILED") & Q(error_code="")),
            ),
            models.CheckConstraint(
                name="job_done_iff_risk",
                condition=(Q(status="DONE") & ~Q(risk="") & Q(result__isnull=False))
                | (~Q(status="DONE") & Q(risk="") & Q(result__isnull=True)),
            ),
            models.CheckConstraint(
                name="job_risk_known",
                condition=Q(risk__in=["", "unclassified", *RISING]),
            ),
        ]

    def __str__(self) -> str:
        return f"job {self.pk} ({self.status})"
