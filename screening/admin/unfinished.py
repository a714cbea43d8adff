"""Work that is not done, jobs and tasks together, as it is read for its page.

Each state is read along the partial index that it has, a page at a time from the last
row of the page before. A person sees the work of the own clinics.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.core import signing
from django.db import connection
from django.db.models import DateTimeField, F, Q, QuerySet, Value
from django.db.models.functions import Cast

from routing.models import Task
from routing.services.replay import BULKY as BULKY_OF_TASKS
from screening.admin.cases import BULKY as BULKY_OF_JOBS
from screening.admin.tasks import tasks_seen_by
from screening.models import Job
from screening.services.sight import jobs_seen_by

PER_PAGE = 100
MOST_COUNTED = 10_000
SALT = "work-cursor"
JOB, TASK = "job", "task"  # in this order where two rows have the same time


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """One state of work, and how it is shown."""

    name: str
    words: str
    lead: str
    nothing: str
    moment: str
    """The head of the column with the time that it is ordered by."""

    order: tuple[str, str]
    """The columns with that time, of jobs and of tasks; each has an index."""


TABS = [
    Tab(
        name="dead",
        words="Dead",
        lead="Work that was given up after every try. Nothing here is lost.",
        nothing="No work was given up.",
        moment="Dead for",
        order=("finished_at", "dead_at"),
    ),
    Tab(
        name="running",
        words="Running",
        lead="What a worker or an agent has. A lease that is over is taken back soon.",
        nothing="Nothing is running.",
        moment="Lease",
        order=("lease_until", "lease_until"),
    ),
    Tab(
        name="queued",
        words="Queued",
        lead="What waits for a worker or an agent, or for its next try.",
        nothing="Nothing waits.",
        moment="Due",
        order=("not_before", "not_before"),
    ),
]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row seen."""

    moment: datetime
    kind: str
    id: UUID

    def write(self) -> str:
        """Return it as opaque text that only we can make."""
        return signing.dumps(
            [self.moment.isoformat(), self.kind, self.id.hex], salt=SALT
        )


def read_cursor(text: str) -> Cursor | None:
    """Read what `Cursor.write` wrote; None if it is anything else."""
    try:
        moment, kind, pk = signing.loads(text, salt=SALT)
    except signing.BadSignature:
        return None
    return Cursor(datetime.fromisoformat(moment), kind, UUID(pk))


# --- What there is ------------------------------------------------------------------


def jobs_of(tab: Tab, user: Any) -> QuerySet[Job]:
    """Return the jobs in a state that a person may see."""
    status = {
        "dead": Job.Status.FAILED,
        "running": Job.Status.RUNNING,
        "queued": Job.Status.PENDING,
    }
    return jobs_seen_by(user, Job.objects.filter(status=status[tab.name]))


def tasks_of(tab: Tab, user: Any) -> QuerySet[Task]:
    """Return those tasks in a state; dead are the dead letters alone."""
    tasks: Any = tasks_seen_by(user, Task.objects.all())
    if tab.name == "dead":
        return cast("QuerySet[Task]", tasks.dead())
    status = {"running": Task.Status.RUNNING, "queued": Task.Status.PENDING}
    return cast("QuerySet[Task]", tasks.filter(status=status[tab.name]))


def counts(user: Any) -> dict[str, int]:
    """Count the work in each state, up to `MOST_COUNTED` of each kind, in one query."""
    parts: list[str] = []
    params: list[Any] = []
    for tab in TABS:
        for rows in (jobs_of(tab, user), tasks_of(tab, user)):
            some = rows.order_by().values("pk")[:MOST_COUNTED]
            sql, given = some.query.sql_with_params()
            parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS found)")  # noqa: S608 - ours
            params += given
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", params)
        numbers = cursor.fetchone()
    return {
        tab.name: numbers[2 * place] + numbers[2 * place + 1]
        for place, tab in enumerate(TABS)
    }


def page_of(
    tab: Tab, after: Cursor | None, user: Any
) -> tuple[list[Any], Cursor | None]:
    """Read one page of jobs and tasks, and where the next begins, if there is one."""
    jobs = jobs_of(tab, user).select_related("case", "clinic").defer(*BULKY_OF_JOBS)
    tasks = tasks_of(tab, user).defer(*BULKY_OF_TASKS)
    of_jobs, of_tasks = tab.order
    found = [
        *((row.moment, JOB, row.pk, row) for row in _read(jobs, JOB, of_jobs, after)),
        *((r.moment, TASK, r.pk, r) for r in _read(tasks, TASK, of_tasks, after)),
    ]
    found.sort(key=lambda each: each[:3])
    page = found[:PER_PAGE]
    following = Cursor(*page[-1][:3]) if len(found) > PER_PAGE else None
    return [row for *_, row in page], following


def _read(rows: QuerySet[Any], kind: str, name: str, after: Cursor | None) -> list[Any]:
    """Read one row more than a page, along the index on the column."""
    # SQLite keeps times with more or with fewer digits: the cast makes them alike.
    moment = Cast(F(name), DateTimeField())
    rows = rows.annotate(moment=moment).order_by("moment", "id")
    if after is not None:
        last = Cast(Value(after.moment, DateTimeField()), DateTimeField())
        if kind == after.kind:
            beyond = Q(moment__gt=last) | Q(moment=last, id__gt=after.id)
        else:
            beyond = Q(moment__gt=last) if kind < after.kind else Q(moment__gte=last)
        # The first of the two is what the index can begin at.
        rows = rows.filter(Q(moment__gte=last) & beyond)
    return list(rows[: PER_PAGE + 1])
