"""Jobs: what was reported, what was drafted from it, and by which way."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.pages import EMPTY, ReadOnly, bullets, link
from screening.admin.cases import BULKY
from screening.admin.clinics import ClinicFilter
from screening.admin.parts import (
    checklist,
    in_words,
    risk_badge,
    risk_beside_draft,
    state_tag,
    status_tag,
)
from screening.admin.route import route_of
from screening.errors import ScreeningError
from screening.models import Job
from screening.services.intervention import cancel_job, replay_job
from screening.services.reading import note_opened, note_seen
from screening.services.sight import jobs_seen_by, may_read_words

MOST_OF_AN_ANSWER = 10_000
FLAGS = {"lost_skill": "Lost a skill", "parent_concern": "Caregiver is worried"}
HEAD = [("listed_under", "status_tag", "review_link")]
RISK = ("risk_badge", "risk")
"""The column and the filter that say something of a child."""
REPORTED = [("age", "flags"), "reported", "answers"]
DRAFTED = [
    "draft_risk",
    "draft_summary",
    "draft_recommendations",
    "draft_family_text",
    "draft_evidence",
    "draft_doubt",
    "made_by",
]
UNUSABLE = ["problems", "unusable_answer", "made_by"]
FOR_OPERATORS = [
    "id",
    "clinic",
    "client",
    "priority",
    "preference",
    "target",
    "created_at",
    "started_at",
    "finished_at",
    "not_before",
    "attempt",
    "failures",
    "crashes",
    "worker",
    "lease_until",
    "error_code",
]


class TargetFilter(admin.SimpleListFilter):
    """Filter by the kinds of target there are, without asking the whole table."""

    title = "target"
    parameter_name = "target"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the targets."""
        return [("edge", "Edge"), ("cloud", "Cloud")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Job]) -> QuerySet[Job]:
        """Keep the jobs that the chosen target answered."""
        chosen = self.value()
        return queryset.filter(target=chosen) if chosen else queryset


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Jobs, newest first. What was reported stands above what was drafted from it."""

    list_display = [
        "short_id",
        "case_link",
        "risk_badge",
        "status_tag",
        "created_at",
        "priority",
        "target",
    ]
    list_filter: ClassVar[Any] = [
        *("status", "risk", "priority", TargetFilter),
        ("clinic", ClinicFilter),
        "created_at",
    ]
    list_select_related = ["case"]
    search_fields = ["id"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "A job or case, exactly as it is written."
    exact_search: ClassVar[Any] = {"id": UUID, "case__case_id": str}
    actions = ["retry_selected", "cancel_selected"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Leave the bulky columns out of the list."""
        user: Any = request.user
        jobs = jobs_seen_by(user, super().get_queryset(request))
        match = request.resolver_match
        if match is not None and str(match.url_name).endswith("changelist"):
            return jobs.defer(*BULKY)
        return jobs.select_related("clinic", "case", "review")

    def get_fieldsets(self, request: HttpRequest, obj: Job | None = None) -> Any:
        """Show the draft if there is one, or else why there is none.

        What says something of a child is for those who may read it.
        """
        user: Any = request.user
        operating = ("For operators", {"fields": FOR_OPERATORS})
        route = ("Route", {"fields": ["way"], "classes": ["collapse"]})
        if not may_read_words(user):
            return [(None, {"fields": ["status_tag", "why"]}), operating, route]
        operating[1]["classes"] = ["collapse"]
        reported, draft = list(REPORTED), ["no_draft"]
        if obj is not None and "embedding_b64" in obj.payload:
            reported.append("embedding")
        if obj is not None and obj.result is not None:
            draft = UNUSABLE if obj.result_problems else DRAFTED
        return [
            (None, {"fields": HEAD}),
            ("What was reported", {"fields": reported}),
            ("Draft", {"fields": draft, "classes": ["is-draft"]}),
            operating,
            route,
        ]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave out the risk, unless the person may read it; link where one may go."""
        user: Any = request.user
        shown = [*super().get_list_display(request)]
        if not user.has_perm("screening.view_case"):
            shown[shown.index("case_link")] = "case"
        return self._without_risk(user, shown)

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Let nobody narrow the list by what the person may not read."""
        user: Any = request.user
        return self._without_risk(user, super().get_list_filter(request))

    @staticmethod
    def _without_risk(user: Any, names: Any) -> list[Any]:
        return [name for name in names if name not in RISK or may_read_words(user)]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Account for who opened the page."""
        user: Any = request.user
        job: Job = context["original"]
        if review := getattr(job, "review", None):
            note_seen([review], user=user)
        note_opened(job, user=user, page="job")
        return super().render_change_form(request, context, *args, **kwargs)

    def title_of(self, row: Job) -> tuple[str, str]:
        """Name the page after the case, as the clinic knows it."""
        return f"Case {row.case.case_id}", f"Job {row.pk}"

    # --- Actions ------------------------------------------------------------------

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Ask for the right to change jobs before an action is offered."""
        user: Any = request.user
        return bool(user.has_perm("screening.change_job"))

    @admin.action(description="Run the chosen jobs again", permissions=["operate"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Replay each by itself; one refusal does not stop the rest."""
        self._each(request, queryset, replay_job, "queued again")

    @admin.action(description="Cancel the chosen jobs", permissions=["operate"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Job]) -> None:
        """Cancel each by itself; one refusal does not stop the rest."""
        self._each(request, queryset, cancel_job, "cancelled")

    def _each(
        self, request: HttpRequest, queryset: QuerySet[Job], step: Any, done: str
    ) -> None:
        count = 0
        for job in queryset.select_related("case", "clinic"):
            try:
                step(job, actor=f"user:{request.user.pk}")
            except ScreeningError as exc:
                self.message_user(request, f"{job.pk}: {exc}", messages.ERROR)
            else:
                count += 1
        if count:
            jobs = "1 job" if count == 1 else f"{count} jobs"
            self.message_user(request, f"{jobs} {done}.", messages.SUCCESS)

    # --- Columns, and the head of the page ----------------------------------------

    @admin.display(description="Job", ordering="id")
    def short_id(self, job: Job) -> str:
        """Show enough to tell jobs apart."""
        return str(job.pk)[:8]

    @admin.display(description="Case", ordering="case__case_id")
    def case_link(self, job: Job) -> SafeString:
        """Link to the case."""
        return link(job.case, job.case.case_id)

    @admin.display(description="Risk", ordering="risk")
    def risk_badge(self, job: Job) -> SafeString | str:
        """Show what the case is listed under."""
        return risk_beside_draft(job.risk, job.model_risk)

    @admin.display(description="Draft", ordering="status")
    def status_tag(self, job: Job) -> SafeString:
        """Say how far the machine has got, and by its code why it failed."""
        return status_tag(job)

    @admin.display(description="Listed under")
    def listed_under(self, job: Job) -> SafeString | str:
        """Show the risk, and whose it is where model and rules differ."""
        if not job.risk:
            return "Nothing yet"
        if job.model_risk in {"", job.risk}:
            return risk_badge(job.risk)
        why = "because the reference rules say so; the draft says "
        return risk_badge(
            job.risk, second_line=f"{why}{job.get_model_risk_display().lower()}"
        )

    @admin.display(description="Review")
    def review_link(self, job: Job) -> SafeString | str:
        """Link to the clinician's side."""
        review = getattr(job, "review", None)
        if review is None:
            return "No review yet"
        return format_html("{} {}", state_tag(review), link(review, "Open the review"))

    # --- What was reported --------------------------------------------------------

    @admin.display(description="Age")
    def age(self, job: Job) -> str:
        """Say the age since birth, and the week of birth if it was given."""
        months = job.payload.get("age_months")
        weeks = job.payload.get("gestational_weeks")
        age = "not given" if months is None else f"{months} months"
        return f"{age}, born at {weeks} weeks" if weeks is not None else age

    @admin.display(description="Flags")
    def flags(self, job: Job) -> str:
        """Name the flags that are set."""
        flags = job.payload.get("flags", {})
        named = [words for key, words in FLAGS.items() if flags.get(key)]
        return ", ".join(named) or "Nothing flagged"

    @admin.display(description="In their words")
    def reported(self, job: Job) -> str:
        """Show the free text, as it was written."""
        return job.payload.get("observations") or "Nothing written"

    @admin.display(description="Checklist")
    def answers(self, job: Job) -> SafeString | str:
        """Show the answers in the checklist's order, domain by domain."""
        answers = job.payload.get("milestones", {})
        return checklist(answers) if answers else "No answers"

    @admin.display(description="Why")
    def why(self, job: Job) -> str:
        """Say what stopped the job, if anything did."""
        return job.error or EMPTY

    @admin.display(description="Embedding")
    def embedding(self, job: Job) -> str:
        """Say whether there is one; it is never labelled."""
        rows, columns = job.payload.get("shape", [1, 256])
        return f"{rows} by {columns} values"

    # --- The draft ----------------------------------------------------------------

    @admin.display(description="Draft")
    def no_draft(self, job: Job) -> str:
        """Say why there is no draft."""
        words = {
            Job.Status.PENDING: "It waits for a worker, or for its next try.",
            Job.Status.RUNNING: "A worker has it.",
            Job.Status.CANCELLED: "The job was cancelled.",
        }
        status = Job.Status(job.status)
        return words.get(status) or f"No draft could be made. {job.error}"

    @admin.display(description="Risk in the draft")
    def draft_risk(self, job: Job) -> SafeString | str:
        """Show the model's risk, with its own confidence in it."""
        confidence = (job.result or {}).get("confidence")
        if confidence is None:
            return risk_badge(job.model_risk)
        own = (
            f"The model's own confidence is {confidence:.2f}, which is no probability."
        )
        return risk_badge(job.model_risk, second_line=own)

    @admin.display(description="Summary")
    def draft_summary(self, job: Job) -> SafeString | str:
        """Show the draft's summary."""
        return bullets((job.result or {}).get("summary"))

    @admin.display(description="Recommendations")
    def draft_recommendations(self, job: Job) -> SafeString | str:
        """Show the draft's recommendations."""
        return bullets((job.result or {}).get("recommendations"))

    @admin.display(description="Text for the family")
    def draft_family_text(self, job: Job) -> str:
        """Show the draft's words for the family."""
        return (job.result or {}).get("parent_text") or EMPTY

    @admin.display(description="What it rests on")
    def draft_evidence(self, job: Job) -> SafeString | str:
        """Show the draft's evidence, each piece with its weight if it has one."""
        lines = []
        for piece in (job.result or {}).get("explainability", []):
            weight = piece.get("score")
            given = "" if weight is None else f" (weight {weight:.2f})"
            lines.append(f"{in_words(piece['detail'])}{given}")
        return bullets(lines)

    @admin.display(description="Its doubt")
    def draft_doubt(self, job: Job) -> str:
        """Show what the model is unsure about."""
        return (job.result or {}).get("uncertainty_reason") or "None said"

    @admin.display(description="Made by")
    def made_by(self, job: Job) -> str:
        """Name the model and its adapter."""
        adapter = (job.result or {}).get("adapter_id")
        known = job.model_id or "a model without a name"
        return f"{known}, adapter {adapter}" if isinstance(adapter, str) else known

    @admin.display(description="What is wrong with it")
    def problems(self, job: Job) -> SafeString | str:
        """Say why the answer could not be used."""
        return bullets([code.replace("_", " ") for code in job.result_problems])

    @admin.display(description="The answer as it came")
    def unusable_answer(self, job: Job) -> SafeString:
        """Show an answer that could not be used, for somebody to make sense of."""
        given = job.result if isinstance(job.result, dict) else {"answer": job.result}
        lines = "\n".join(f"{name}: {_plain(value)}" for name, value in given.items())
        return format_html("<pre>{}</pre>", lines[:MOST_OF_AN_ANSWER])

    # --- For operators ------------------------------------------------------------

    @admin.display(description="Preferred target")
    def preference(self, job: Job) -> str:
        """Say where the client wanted it to go."""
        return str(job.payload.get("preferred_target", "auto"))

    @admin.display(description="Route")
    def way(self, job: Job) -> SafeString | str:
        """Show whom each attempt considered, why, and how each answered."""
        return route_of(job.route)


def _plain(value: Any) -> str:
    """Write a value of an answer that could not be used as it came."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
