"""What is claimed, leased and fenced: the one mechanism of jobs and of tasks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from claims.statements import update_each_returning, update_returning_ids

CRASH_BACKOFF_SECONDS = 1
WORKER_LOST = "WORKER_LOST"


class Status(models.TextChoices):
    """How far the machine has got."""

    PENDING = "PENDING", "Pending"
    RUNNING = "RUNNING", "Running"
    DONE = "DONE", "Done"
    FAILED = "FAILED", "Failed"
    CANCELLED = "CANCELLED", "Cancelled"


class WorkQuerySet(models.QuerySet[Any]):
    """Questions asked of work more than once, and the fenced writes."""

    def due(self) -> Self:
        """Keep what waits for a worker and may be taken now."""
        return self.filter(status=Status.PENDING, not_before__lte=Now())

    def held(self, attempt: int) -> Self:
        """Keep what is still running under this very claim."""
        return self.filter(status=Status.RUNNING, attempt=attempt)

    def expired(self) -> Self:
        """Keep what is running and whose worker has not renewed its lease in time."""
        return self.filter(status=Status.RUNNING, lease_until__lt=Now())

    def claim(self, ids: Iterable[uuid.UUID], *, worker: str) -> list[uuid.UUID]:
        """Take those that are due; return which were taken.

        One conditional UPDATE … RETURNING, so that of any number of workers handed
        the same id exactly one gets it. It counts the attempt, and sets the lease by
        the database's clock.
        """
        return (
            self.due()
            .filter(pk__in=list(ids))
            .update_returning_ids(
                status=Status.RUNNING,
                attempt=F("attempt") + 1,
                worker=worker,
                lease_until=_lease(),
                started_at=Coalesce(F("started_at"), Now()),
                updated_at=Now(),
            )
        )

    def renew(self, ids: Iterable[uuid.UUID], *, worker: str) -> set[uuid.UUID]:
        """Extend the leases that the worker still holds; return whose it holds."""
        running = self.filter(pk__in=list(ids), status=Status.RUNNING, worker=worker)
        return set(running.update_returning_ids(lease_until=_lease()))

    def complete(
        self, values: Sequence[dict[str, Any]], *, written: Sequence[str | None] = ()
    ) -> dict[uuid.UUID, datetime]:
        """End work under the claims that did it; return whose claims held, and when.

        One UPDATE for all. Each of ``values`` holds ``id`` and ``attempt``, the fence,
        beside what is stored: a row that is not running under that attempt is left as
        it is. ``written`` are the same as texts, where they are written already.
        """
        return update_each_returning(
            self.filter(status=Status.RUNNING),
            keys=["id", "attempt"],
            constants={
                "status": Status.DONE,
                "worker": "",
                "lease_until": None,
                "finished_at": Now(),
                "updated_at": Now(),
            },
            values=values,
            written=written,
            returning="finished_at",
        )

    def reap(
        self, *, most_crashes: int, failing: dict[str, Any]
    ) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
        """Take work from workers that no longer renew their leases.

        An expired lease counts as a crash. The work goes back to pending, or fails
        once it has taken too many workers with it; ``failing`` is then stored too.
        Returns what was released, and what failed.
        """
        common = {
            "crashes": F("crashes") + 1,
            "worker": "",
            "lease_until": None,
            "updated_at": Now(),
        }
        failed = (
            self.expired()
            .filter(crashes__gte=most_crashes - 1)
            .update_returning_ids(
                status=Status.FAILED,
                error_code=WORKER_LOST,
                finished_at=Now(),
                **failing,
                **common,
            )
        )
        released = (
            self.expired()
            .filter(crashes__lt=most_crashes - 1)
            .update_returning_ids(
                status=Status.PENDING,
                not_before=Now() + timedelta(seconds=CRASH_BACKOFF_SECONDS),
                **common,
            )
        )
        return released, failed

    def update_returning_ids(self, **values: Any) -> list[uuid.UUID]:
        """Update all rows of this queryset in one statement; return their ids."""
        return update_returning_ids(self, values)


class Work(models.Model):
    """One piece of work, and which worker has it until when.

    ``attempt`` only ever grows: it is the fence. Crashes (leases that ran out) and
    failures (calls that failed) are counted apart.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
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

    Status = Status
    ENDED = (Status.DONE, Status.FAILED, Status.CANCELLED)

    class Meta:
        abstract = True

    def log_fields(self) -> dict[str, str]:
        """Return its id, under the name that it has in log lines about it."""
        return {f"{self._meta.model_name}_id": str(self.pk)}


def _lease() -> Any:
    return Now() + timedelta(seconds=settings.JOB_LEASE_SECONDS)
