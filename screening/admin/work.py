"""All work that is not done, jobs and tasks in one table: queued, running and dead.

The row that has been in trouble for longest comes first. What is dead is run again from
here, after a dry run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
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
from screening.admin.cases import BULKY as BULKY_OF_JOBS
from screening.admin.parts import STATUS_TAGS
from screening.admin.unfinished import (
    JOB,
    MOST_COUNTED,
    TABS,
    TASK,
    Tab,
    counts,
    jobs_of,
    page_of,
    read_cursor,
    tasks_of,
)
from screening.errors import ScreeningError
from screening.models import Job
from screening.services.intervention import replay_job
from screening.services.sight import jobs_seen_by

SCREENING = "Screening"
LONGEST_CAUSE = 160
NOT_DEAD = (Job.Status.PENDING, Job.Status.CANCELLED)
"""What the service would let run again, and nobody has chosen that here."""


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
    numbers = counts(user)
    rows, following = page_of(tab, after, user)
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
            _dry_run(request.user, jobs, tasks),
            title="Run again",
            action=reverse("admin:work_replay"),
            hidden={"chosen": " ".join(chosen), "confirmed": "yes"},
            back=back,
            back_words="Work",
        )
    actor = f"user:{request.user.pk}"
    _replay_jobs(request, jobs, actor)
    if tasks:
        seen = tasks_of(TABS[0], request.user).filter(pk__in=tasks)
        replayed = replay_paced(seen, actor=actor)
        for level, said in told(replayed, len(tasks) - replayed):
            messages.add_message(request, level, said)
    return HttpResponseRedirect(back)


def _chosen(words: Sequence[str], kind: str) -> list[UUID]:
    """Read the ids of one kind out of what was ticked."""
    prefix = f"{kind}-"
    ids = [w.removeprefix(prefix) for w in words[:MOST] if w.startswith(prefix)]
    return read_ids(" ".join(ids))


def _dry_run(user: Any, jobs: Sequence[UUID], tasks: Sequence[UUID]) -> DryRun:
    failed = (
        jobs_of(TABS[0], user).filter(pk__in=jobs).order_by().values_list("error_code")
    )
    groups = [
        Group(cause=code, work=SCREENING, number=number)
        for code, number in failed.annotate(number=Count("pk")).order_by("error_code")
    ]
    of_tasks = groups_of_tasks(tasks_of(TABS[0], user).filter(pk__in=tasks))
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
    user: Any = request.user
    jobs = jobs_seen_by(user, Job.objects.filter(pk__in=ids))
    jobs = jobs.select_related("case", "clinic")
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
