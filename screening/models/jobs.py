"""Jobs: how far the machine has got. Constraints carry the rules."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from audit.proofs.commitments import SALT_BYTES, new_salt
from claims.work import Work, WorkQuerySet
from screening.models.cases import Case
from screening.models.clinics import Clinic
from screening.models.risk import Risk
from screening.results import RISING
from screening.submissions import PRIORITIES

# What a submission leaves out, the database fills in: the insert stays small.
EMPTY_LIST = models.Value([], output_field=models.JSONField())


class JobQuerySet(WorkQuerySet):
    """Jobs, asked and written as all work is."""


class Job(Work):
    """One inference request for a case, and how far the machine has got with it.

    What the clinician decides is in `Review`.
    """

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="jobs")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="jobs")
    client = models.CharField(max_length=64, editable=False, help_text="The API key.")
    priority = models.CharField(max_length=8, choices=PRIORITIES, default="normal")
    payload = models.JSONField(help_text="The submission, as it was accepted.")
    salt = models.BinaryField(
        max_length=SALT_BYTES,
        default=new_salt,
        null=True,
        help_text="Opens the audit log's commitments. Without it they say nothing.",
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
    # Null, since for a default SQLite would make the table anew.
    traceparent = models.CharField(  # noqa: DJ001
        max_length=55,
        null=True,
        editable=False,
        help_text="The trace of the request that brought it, if it has one.",
    )
    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        permissions = [
            ("read_words", "Can read what was reported of a child, and drafts"),
            ("export_evidence", "Can export the evidence of a case"),
        ]
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
                name="job_failed_by_time",
                fields=["finished_at", "id"],
                condition=Q(status="FAILED"),
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
