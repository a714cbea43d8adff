"""All work that is not done, jobs and tasks in one table: queued, running and dead.

The row that has been in trouble for longest comes first. Each state is read along the
partial index that it has, a page at a time from the last row of the page before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Count, DateTimeField, F, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.pages import EMPTY, link, tag
from routing.admin.readable import since, until
from routing.admin.replaying import (
    MOST,
    DryRun,
    Group,
    confirmation,
    groups_of_tasks,
    read_ids,
    replay_paced,
    told,
)
from routing.admin.tasks import DEAD_TAG
from routing.models import Task
from routing.services.replay import BULKY as BULKY_OF_TASKS
from routing.services.replay import dead_letters
from screening.admin.cases import BULKY as BULKY_OF_JOBS
from screening.admin.parts import STATUS_TAGS
from screening.errors import ScreeningError
from screening.models import Job
from screening.services.intervention import replay_job

PER_PAGE = 100
MOST_COUNTED = 10_000
SALT = "work-cursor"
JOB, TASK = "job", "task"  # in this order where two rows have the same time
SCREENING = "Screening"
LONGEST_CAUSE = 160
NOT_DEAD = (Job.Status.PENDING, Job.Status.CANCELLED)
"""What the service would let run again, and nobody has chosen that here."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One job or task, as it is shown."""

    kind: str
    value: str
    """What its box says when it is ticked."""

    work: SafeString
    what: str
    case: str
    clinic: str
    priority: str
    state: SafeString
    age: SafeString | str
    moment: SafeString | str
    attempts: int
    cause: SafeString | str


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


def jobs_of(tab: Tab) -> QuerySet[Job]:
    """Return the jobs in a state."""
    status = {
        "dead": Job.Status.FAILED,
        "running": Job.Status.RUNNING,
        "queued": Job.Status.PENDING,
    }
    return Job.objects.filter(status=status[tab.name])


def tasks_of(tab: Tab) -> QuerySet[Task]:
    """Return the tasks in a state; dead are the dead letters alone."""
    tasks = Task.objects.all()
    if tab.name == "dead":
        return tasks.dead()
    status = {"running": Task.Status.RUNNING, "queued": Task.Status.PENDING}
    return tasks.filter(status=status[tab.name])


def counts() -> dict[str, int]:
    """Count the work in each state, up to `MOST_COUNTED` of each kind, in one query."""
    parts: list[str] = []
    params: list[Any] = []
    for tab in TABS:
        for rows in (jobs_of(tab), tasks_of(tab)):
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


def page_of(tab: Tab, after: Cursor | None) -> tuple[list[Any], Cursor | None]:
    """Read one page of jobs and tasks, and where the next begins, if there is one."""
    jobs = jobs_of(tab).select_related("case", "clinic").defer(*BULKY_OF_JOBS)
    tasks = tasks_of(tab).defer(*BULKY_OF_TASKS)
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


# --- How it is shown ----------------------------------------------------------------


def may_replay(user: Any) -> bool:
    """Ask for the rights to change both kinds of work."""
    return bool(user.has_perms(["screening.change_job", "routing.change_task"]))


def row_of(work: Any, tab: Tab) -> Row:
    """Show one job or task."""
    is_job = isinstance(work, Job)
    kind = JOB if is_job else TASK
    return Row(
        kind=kind,
        value=f"{kind}-{work.pk.hex}",
        work=link(work, f"{kind.capitalize()} {work.pk.hex[:8]}"),
        what=SCREENING if is_job else work.get_task_type_display(),
        case=work.case.case_id if is_job else work.case_id,
        clinic=work.clinic.slug if is_job else work.clinic,
        priority=work.get_priority_display(),
        state=_state(work, tab),
        age=since(work.created_at),
        moment=_moment(work, tab),
        attempts=work.attempt,
        cause=_cause(work, tab),
    )


def _state(work: Any, tab: Tab) -> SafeString:
    if tab.name == "dead" and not isinstance(work, Job):
        return tag(*DEAD_TAG)
    if tab.name == "running" and work.lease_until < timezone.now():
        return tag("wait", "is-warn", "Lease over")
    if tab.name == "queued" and work.not_before > timezone.now():
        return tag("wait", "", "Put off")
    name, kind = STATUS_TAGS[Job.Status(work.status)]
    return tag(name, kind, work.get_status_display())


def _moment(work: Any, tab: Tab) -> SafeString | str:
    if tab.name == "dead":
        return since(work.moment)
    return until(work.moment, over="over for" if tab.name == "running" else "for")


def _cause(work: Any, tab: Tab) -> SafeString | str:
    """Say what stopped it, or what has gone wrong so far."""
    if tab.name == "dead":
        sentence = str(work.error)[:LONGEST_CAUSE]
        return format_html('{}<span class="sub">{}</span>', sentence, work.error_code)
    so_far = [
        _counted(work.failures, "call failed", "calls failed"),
        _counted(work.crashes, "worker was lost", "workers were lost"),
    ]
    return ", ".join(filter(None, so_far)) or EMPTY


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""


def shown(number: int) -> str:
    """Write a count, and that there are more where it was not counted on."""
    most = f"{MOST_COUNTED:,}+"
    return most if number >= MOST_COUNTED else f"{number:,}"


def work_view(request: HttpRequest) -> HttpResponse:
    """Show one page of the work in one state."""
    user: Any = request.user
    if not user.has_perms(["screening.view_job", "routing.view_task"]):
        raise PermissionDenied
    by_name = {tab.name: tab for tab in TABS}
    tab = by_name.get(request.GET.get("state", ""), TABS[0])
    after = read_cursor(request.GET.get("after", ""))
    numbers = counts()
    rows, following = page_of(tab, after)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Work",
        "subtitle": None,
        "tab": tab,
        "tabs": [(each, shown(numbers[each.name])) for each in TABS],
        "rows": [row_of(row, tab) for row in rows],
        "following": following.write() if following else "",
        "is_first": after is None,
        "may_replay": tab.name == "dead" and may_replay(user),
    }
    return TemplateResponse(request, "admin/work.html", context)


# --- Replay -------------------------------------------------------------------------


def replay_view(request: HttpRequest) -> HttpResponse:
    """Say what running the chosen again would do; do it once that is confirmed."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not may_replay(request.user):
        raise PermissionDenied
    words = " ".join(request.POST.getlist("chosen")).split()
    jobs, tasks = (_chosen(words, kind) for kind in (JOB, TASK))
    back = reverse("admin:work")
    if not jobs and not tasks:
        messages.warning(request, "Nothing was chosen, and nothing was done.")
        return HttpResponseRedirect(back)
    if "confirmed" not in request.POST:
        chosen = [f"{JOB}-{pk.hex}" for pk in jobs] + [
            f"{TASK}-{pk.hex}" for pk in tasks
        ]
        return confirmation(
            request,
            _dry_run(jobs, tasks),
            title="Run again",
            action=reverse("admin:work_replay"),
            hidden={"chosen": " ".join(chosen), "confirmed": "yes"},
            back=back,
            back_words="Work",
        )
    actor = f"user:{request.user.pk}"
    _replay_jobs(request, jobs, actor)
    if tasks:
        replayed = replay_paced(tasks, actor=actor)
        for level, said in told(replayed, len(tasks) - replayed):
            messages.add_message(request, level, said)
    return HttpResponseRedirect(back)


def _chosen(words: Sequence[str], kind: str) -> list[UUID]:
    """Read the ids of one kind out of what was ticked."""
    prefix = f"{kind}-"
    ids = [w.removeprefix(prefix) for w in words[:MOST] if w.startswith(prefix)]
    return read_ids(" ".join(ids))


def _dry_run(jobs: Sequence[UUID], tasks: Sequence[UUID]) -> DryRun:
    failed = jobs_of(TABS[0]).filter(pk__in=jobs).order_by().values_list("error_code")
    groups = [
        Group(cause=code, work=SCREENING, number=number)
        for code, number in failed.annotate(number=Count("pk")).order_by("error_code")
    ]
    of_tasks = groups_of_tasks(dead_letters().filter(pk__in=tasks))
    dead_tasks = sum(group.number for group in of_tasks)
    left = len(jobs) + len(tasks) - sum(group.number for group in [*groups, *of_tasks])
    why = "is dead no longer" if left == 1 else "are dead no longer"
    return DryRun(
        groups=[*groups, *of_tasks],
        left_out=[(left, why)] if left else [],
        paced=dead_tasks,
    )


def _replay_jobs(request: HttpRequest, ids: Sequence[UUID], actor: str) -> None:
    """Replay each by itself; one refusal does not stop the rest."""
    count = waiting = 0
    jobs = Job.objects.filter(pk__in=ids).select_related("case", "clinic")
    for job in jobs.defer(*BULKY_OF_JOBS).order_by("created_at", "id"):
        if job.status in NOT_DEAD:
            waiting += 1
            continue
        try:
            replay_job(job, actor=actor)
        except ScreeningError as exc:
            messages.error(request, f"Job {job.pk}: {exc}")
        else:
            count += 1
    if count:
        words = "1 job is queued" if count == 1 else f"{count} jobs are queued"
        messages.success(request, f"{words} again.")
    if waiting:
        words = "1 job waits" if waiting == 1 else f"{waiting} jobs wait"
        messages.warning(request, f"{words} already, or was cancelled: nothing done.")
