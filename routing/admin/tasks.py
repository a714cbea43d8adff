"""Tasks in the admin: what was asked, what came of it, and the dead letters."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.models import Audit
from audit.pages import EMPTY, ClinicFilter, ReadOnly, tag, values_of
from routing.admin.readable import readable, since, sizes_of
from routing.admin.replaying import (
    MOST,
    DryRun,
    confirmation,
    groups_of_tasks,
    read_ids,
    replay_paced,
    told,
)
from routing.admin.route import route_of
from routing.admin.targets import below
from routing.models import Task
from routing.models.tasks import private_id
from routing.services.replay import BULKY

DEAD = "dead"
STATUS_TAGS = {
    Task.Status.PENDING: ("wait", ""),
    Task.Status.RUNNING: ("machine", ""),
    Task.Status.DONE: ("check", "is-ok"),
    Task.Status.FAILED: ("stop", "is-bad"),
    Task.Status.CANCELLED: ("dash", ""),
}
DEAD_TAG = ("letter", "is-bad", "Dead letter")
UNENDED = {
    Task.Status.PENDING: "Nothing yet. It waits for an agent, or for its next try.",
    Task.Status.RUNNING: "Nothing yet. An agent has it.",
    Task.Status.CANCELLED: "Nothing. It was cancelled.",
}
FOR_OPERATORS = [
    "public",
    "client",
    "created_at",
    "started_at",
    "finished_at",
    "dead_at",
    "not_before",
    "rung_at",
    "attempt",
    "failures",
    "crashes",
    "agent_id",
    "worker",
    "lease_until",
    "error_code",
    "error",
]


def status_tag(task: Task) -> SafeString:
    """Show how far a task has got; a dead letter is told from what merely failed."""
    if task.dead_at is not None:
        return tag(*DEAD_TAG)
    name, kind = STATUS_TAGS[Task.Status(task.status)]
    return tag(name, kind, task.get_status_display())


def any_id(text: str) -> UUID:
    """Read a task's id, as clients or as we write it.

    Raises:
        ValueError: it is none.
    """
    return private_id(text) or UUID(text)


class StatusFilter(admin.SimpleListFilter):
    """Filter by status; dead letters are none of the failed."""

    title = parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the dead letters first: they need somebody."""
        return [(DEAD, "Dead letters"), *Task.Status.choices]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Task]
    ) -> QuerySet[Task]:
        """Keep the tasks of the chosen status."""
        chosen = self.value()
        if chosen == DEAD:
            return queryset.filter(dead_at__isnull=False)
        if chosen not in Task.Status.values:
            return queryset
        return queryset.filter(status=chosen, dead_at__isnull=True)


@admin.register(Task)
class TaskAdmin(ReadOnly):
    """Tasks, newest first. Dead letters are replayed from here, after a dry run."""

    list_display = [
        "short_id",
        "task_type",
        "case_id",
        "priority",
        "status_tag",
        "attempts",
        "agent",
        "cause",
        "age",
    ]
    list_filter = [StatusFilter, "task_type", "priority", ClinicFilter]
    search_fields = ["id"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "A task or case, exactly as it is written."
    exact_search: ClassVar[Any] = {"id": any_id, "case_id": str}
    actions = ["replay_chosen"]
    show_facets = admin.ShowFacets.NEVER  # each would be a count of all the tasks

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Leave the bulky columns out of the list."""
        tasks = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and str(match.url_name).endswith("changelist"):
            return tasks.defer(*BULKY)
        return tasks

    def get_fieldsets(self, request: HttpRequest, obj: Task | None = None) -> Any:
        """Show what was asked, what came of it, and for operators the rest."""
        user: Any = request.user
        head = ["status_and_cause", "task_type", "priority"]
        if user.has_perm("audit.view_audit"):
            head.append("trail")
        asked = ["case_id", "clinic", "payload_parts", "consent_in_words"]
        if obj is not None and isinstance(obj.payload.get("observations"), str):
            asked.insert(3, "reported")
        if obj is not None and obj.meta:
            asked.append("sent_along")
        return [
            (None, {"fields": [tuple(head)]}),
            ("What was asked", {"fields": asked}),
            ("Result", {"fields": ["outcome"]}),
            ("For operators", {"fields": FOR_OPERATORS, "classes": ["collapse"]}),
            ("Route", {"fields": ["way"], "classes": ["collapse"]}),
        ]

    def clinics_of(self, request: HttpRequest) -> list[str]:
        """List the clinics whose tasks a person may see."""
        return values_of(Task, "clinic")

    def title_of(self, row: Task) -> tuple[str, str]:
        """Name the page after the case, as the clinic knows it."""
        return f"Case {row.case_id}", f"Task {row.public_id.removeprefix('task-')}"

    # --- Replay -------------------------------------------------------------------

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Ask for the right to change tasks before replay is offered."""
        user: Any = request.user
        return bool(user.has_perm("routing.change_task"))

    def get_urls(self) -> list[Any]:
        """Add where a dry run is confirmed."""
        view = self.admin_site.admin_view(self.replay_view)
        return [path("replay/", view, name="routing_task_replay"), *super().get_urls()]

    @admin.action(description="Replay the chosen dead letters", permissions=["operate"])
    def replay_chosen(
        self, request: HttpRequest, queryset: QuerySet[Task]
    ) -> HttpResponse | None:
        """Say what a replay would do, and do nothing yet."""
        dead = queryset.filter(dead_at__isnull=False).order_by("dead_at", "id")
        ids = list(dead.values_list("pk", flat=True)[: MOST + 1])
        if not ids:
            words = "None of the chosen is a dead letter: nothing was done."
            self.message_user(request, words, messages.WARNING)
            return None
        others = queryset.filter(dead_at=None).count()
        no_letters = "is no dead letter" if others == 1 else "are no dead letters"
        left_out = [(others, no_letters)]
        if len(ids) > MOST:
            ids = ids[:MOST]
            left_out.append((dead.count() - MOST, f"more than {MOST:,} at once"))
        dry_run = DryRun(
            groups=groups_of_tasks(Task.objects.filter(pk__in=ids)),
            left_out=[(number, why) for number, why in left_out if number],
            paced=len(ids),
        )
        return confirmation(
            request,
            dry_run,
            title="Replay dead letters",
            action=reverse("admin:routing_task_replay"),
            hidden={"ids": " ".join(pk.hex for pk in ids)},
            back=reverse("admin:routing_task_changelist"),
            back_words="Tasks",
        )

    def replay_view(self, request: HttpRequest) -> HttpResponse:
        """Replay what a dry run has shown, at a pace."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_operate_permission(request):
            raise PermissionDenied
        ids = read_ids(request.POST.get("ids", ""))
        seen = self.get_queryset(request).filter(pk__in=ids)
        replayed = replay_paced(seen, actor=f"user:{request.user.pk}")
        for level, words in told(replayed, len(ids) - replayed):
            self.message_user(request, words, level)
        return HttpResponseRedirect(reverse("admin:routing_task_changelist"))

    # --- Columns, and the head of the page ----------------------------------------

    @admin.display(description="Task")
    def short_id(self, task: Task) -> str:
        """Show enough to tell tasks apart."""
        return task.pk.hex[:8]

    @admin.display(description="Status", ordering="status")
    def status_tag(self, task: Task) -> SafeString:
        """Say how far it has got."""
        return status_tag(task)

    @admin.display(description="Attempts", ordering="attempt")
    def attempts(self, task: Task) -> int:
        """Count how often somebody has taken it."""
        return task.attempt

    @admin.display(description="Agent", ordering="agent_id")
    def agent(self, task: Task) -> str:
        """Name the agent that was asked last."""
        return task.agent_id or EMPTY

    @admin.display(description="Cause", ordering="error_code")
    def cause(self, task: Task) -> str:
        """Show the code of what stopped it."""
        return task.error_code or EMPTY

    @admin.display(description="Age", ordering="created_at")
    def age(self, task: Task) -> SafeString | str:
        """Say how long it has been there."""
        return since(task.created_at)

    @admin.display(description="Status")
    def status_and_cause(self, task: Task) -> SafeString:
        """Say how far it has got, and by its code what stopped it."""
        shown = status_tag(task)
        return below(shown, task.error_code) if task.error_code else shown

    @admin.display(description="What happened")
    def trail(self, task: Task) -> SafeString:
        """Link to what the audit log has of it."""
        meta = Audit._meta
        events = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        return format_html(
            '<a href="{}?{}">Open the audit trail</a>',
            events,
            urlencode({SEARCH_VAR: str(task.pk)}),
        )

    # --- What was asked, and what came of it ----------------------------------------

    @admin.display(description="Payload")
    def payload_parts(self, task: Task) -> SafeString | str:
        """Name its parts and their sizes: what they say is for the agent alone."""
        return sizes_of(task.payload)

    @admin.display(description="In their words")
    def reported(self, task: Task) -> str:
        """Show the free text, as it was written."""
        return task.payload.get("observations") or "Nothing written"

    @admin.display(description="Consent")
    def consent_in_words(self, task: Task) -> str:
        """Say what the client told of consent."""
        given = task.consent.get("consent_given")
        if given is None:
            said = "Nothing said"
        else:
            said = "Given" if given is True else "Not given"
        named = task.consent.get("consent_id")
        return f"{said}; it names {named}" if named else said

    @admin.display(description="Sent along")
    def sent_along(self, task: Task) -> SafeString | str:
        """Name what the client sent beside it, and how much that is."""
        return sizes_of(task.meta)

    @admin.display(description="What came of it")
    def outcome(self, task: Task) -> SafeString | str:
        """Show the agent's answer in words, or why there is none."""
        if task.status == Task.Status.DONE:
            return readable(task.result)
        if task.dead_at is not None:
            return f"Nothing. It was given up and can be replayed. {task.error}"
        return UNENDED.get(Task.Status(task.status)) or f"Nothing. {task.error}"

    @admin.display(description="Task")
    def public(self, task: Task) -> str:
        """Show the id under which clients know it."""
        return task.public_id

    @admin.display(description="Route")
    def way(self, task: Task) -> SafeString | str:
        """Show whom each attempt considered, why, and how each answered."""
        return route_of(task.route, whom="agent")
