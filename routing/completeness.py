"""Whether the audit log is complete of tasks: each has its events, and is there.

Asked by `audit_verify`, of the database in one query each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from audit.actions import Action
from audit.models import Audit
from audit.verification import Gap, untold
from routing.models import Task
from routing.services.events import STATE_TOLD_BY

AT_ONCE = 2000


def not_submitted() -> Iterator[UUID]:
    """List the tasks of which no event says that they were submitted."""
    submitted = Audit.objects.filter(
        action=Action.TASK_SUBMITTED, job_id=OuterRef("pk")
    )
    return _ids(Task.objects.filter(~Exists(submitted)))


def not_ended() -> Iterator[UUID]:
    """List the tasks that have ended, and of which the newest event does not say so."""
    return _ids(untold(Task.objects.filter(status__in=Task.ENDED), STATE_TOLD_BY))


def state_differs() -> Iterator[UUID]:
    """List the tasks that wait or run, and of which the newest event says otherwise."""
    under_way = Task.objects.exclude(status__in=Task.ENDED)
    return _ids(untold(under_way, STATE_TOLD_BY).filter(told_status__isnull=False))


def gone() -> Iterator[UUID]:
    """List the tasks of the log that are not there, with nothing that says why.

    Either their case was erased since, or retention removed tasks since: which of them
    it does not say.
    """
    since = Audit.objects.filter(pk__gt=OuterRef("pk"))
    erased = since.filter(
        action=Action.CASE_ERASED,
        clinic=OuterRef("clinic"),
        case_id=OuterRef("case_id"),
    )
    removed = since.filter(action=Action.RETENTION_APPLIED, detail__kind="tasks")
    tasks = Audit.objects.filter(action=Action.TASK_SUBMITTED, job_id__isnull=False)
    missing = tasks.filter(
        ~Exists(Task.objects.filter(pk=OuterRef("job_id"))),
        ~Exists(erased),
        ~Exists(removed),
    )
    return _ids(missing, "job_id")


GAPS = (
    Gap(
        kind="task_not_submitted",
        words="no event says that the task was submitted",
        jobs=not_submitted,
        of="task",
    ),
    Gap(
        kind="task_not_ended",
        words="the task has ended, and its newest event does not say so",
        jobs=not_ended,
        of="task",
    ),
    Gap(
        kind="task_state_differs",
        words="the task waits or runs, and its newest event says otherwise",
        jobs=state_differs,
        of="task",
    ),
    Gap(
        kind="task_gone",
        words="the task is gone, and no event says why",
        jobs=gone,
        of="task",
    ),
)


def _ids(rows: QuerySet[Any], field: str = "pk") -> Iterator[Any]:
    return rows.order_by().values_list(field, flat=True).iterator(AT_ONCE)
