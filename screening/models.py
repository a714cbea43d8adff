"""Clinics and their keys; cases and jobs; reviews. Constraints carry the rules."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Now

from screening.results import RISING
from screening.statements import update_each_returning_ids, update_returning_ids
from screening.submissions import PRIORITIES


class Risk(models.TextChoices):
    """What a draft says of a child, rising; and what it says if it is unusable."""

    ON_TRACK = "on_track", "On track"
    MONITOR = "monitor", "Monitor"
    DISCUSS = "discuss", "Discuss"
    REFER = "refer", "Refer"
    UNCLASSIFIED = "unclassified", "No usable answer"


class Scope(models.TextChoices):
    """What an API key may do."""

    JOBS_WRITE = "jobs:write", "Submit, cancel and retry jobs"
    JOBS_READ = "jobs:read", "Read jobs and cases"
    DRAFTS = "drafts", "See drafts that no clinician has signed"


class Clinic(models.Model):
    """The tenant: every case, key and reviewer belongs to clinics."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        ordering = ["name"]

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


class Case(models.Model):
    """One child's screening episode, by the clinic's own identifier."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="cases")
    case_id = models.CharField(max_length=128)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                name="case_once_per_clinic", fields=["clinic", "case_id"]
            ),
            models.CheckConstraint(name="case_is_named", condition=~Q(case_id="")),
        ]

    def __str__(self) -> str:
        return self.case_id


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
        max_length=9, choices=Status, default=Status.PENDING, editable=False
    )
    not_before = models.DateTimeField(db_default=Now(), editable=False)
    attempt = models.PositiveIntegerField(
        default=0, editable=False, help_text="Number of the last claim: the fence."
    )
    worker = models.CharField(max_length=128, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(
        default=0, editable=False, help_text="Model calls that failed, in a row."
    )
    crashes = models.PositiveIntegerField(
        default=0, editable=False, help_text="Leases that ran out, in a row."
    )

    target = models.CharField(max_length=64, blank=True, editable=False)
    route = models.JSONField(
        default=list, editable=False, help_text="Each decision and try, in order."
    )
    result = models.JSONField(null=True, editable=False)
    result_problems = models.JSONField(default=list, editable=False)
    model_id = models.CharField(max_length=128, blank=True, editable=False)
    model_risk = models.CharField(
        max_length=12, blank=True, choices=Risk, editable=False
    )
    rules_risk = models.CharField(
        max_length=12, blank=True, choices=Risk, editable=False
    )
    risk = models.CharField(
        max_length=12,
        blank=True,
        choices=Risk,
        editable=False,
        help_text="What the case is listed under: the higher of model and rules.",
    )
    error_code = models.CharField(max_length=64, blank=True, editable=False)
    error = models.CharField(max_length=2048, blank=True, editable=False)

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


class Review(models.Model):
    """The clinician's side of a job. It begins as a copy of the draft."""

    class State(models.TextChoices):
        """Nothing automatic goes past needing review (DOMAIN: human in the loop)."""

        REQUIRES_REVIEW = "REQUIRES_REVIEW", "Needs review"
        SIGNED_OFF = "SIGNED_OFF", "Signed"
        DELIVERED = "DELIVERED", "Released"

    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="review")
    state = models.CharField(
        max_length=15, choices=State, default=State.REQUIRES_REVIEW, editable=False
    )
    risk = models.CharField(max_length=12, choices=Risk)
    summary = models.JSONField(default=list, blank=True)
    recommendations = models.JSONField(default=list, blank=True)
    parent_text = models.TextField(blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    signed_off_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
    )
    signed_off_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        permissions = [("sign_off_review", "Can sign off a review")]
        indexes = [models.Index(name="review_by_state", fields=["state", "-id"])]
        constraints = [
            models.CheckConstraint(
                name="review_signed_off_by_someone",
                condition=Q(
                    state__in=["SIGNED_OFF", "DELIVERED"],
                    signed_off_by__isnull=False,
                    signed_off_at__isnull=False,
                )
                | Q(
                    state="REQUIRES_REVIEW",
                    signed_off_by__isnull=True,
                    signed_off_at__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="review_signed_with_a_usable_risk",
                condition=Q(state="REQUIRES_REVIEW") | ~Q(risk="unclassified"),
            ),
        ]

    def __str__(self) -> str:
        return f"review of {self.job_id} ({self.state})"


class IdempotencyKey(models.Model):
    """A key a client gave to a request, and what was answered to it."""

    client = models.CharField(max_length=64)
    endpoint = models.CharField(max_length=32)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request.")
    answer = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="idempotency_key_once_per_client",
                fields=["client", "endpoint", "key"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key}"


class Leadership(models.Model):
    """Who does a duty that one process does for all, and until when."""

    duty = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=128)
    until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "leaderships"

    def __str__(self) -> str:
        return f"{self.duty}: {self.holder}"
