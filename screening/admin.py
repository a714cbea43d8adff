"""Cases, jobs and reviews in the admin. The machine's side is to read, not to write."""

from __future__ import annotations

import json
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Count, Max, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.admin import ExactSearch
from screening.errors import ScreeningError
from screening.models import ApiKey, Case, Clinic, Job, Review
from screening.services.intervention import cancel_job, replay_job
from screening.services.keys import revoke_key
from screening.submissions import ANSWERS

EMPTY = "-"


class ReadOnly(ExactSearch):
    """A page on which nothing can be added, changed or deleted."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows come from services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed by services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are kept."""
        return False


def word(model: type[Any], field: str, value: str) -> str:
    """Return the word for a stored value."""
    choices = dict(model._meta.get_field(field).flatchoices)
    return str(choices.get(value, value)) or EMPTY


def bullets(items: Any) -> SafeString | str:
    """Show a list of texts as one, escaped."""
    if not isinstance(items, list) or not items:
        return EMPTY
    lines = format_html_join("", "<li>{}</li>", ((str(item),) for item in items))
    return format_html("<ul>{}</ul>", lines)


def link(row: Any, text: str) -> SafeString:
    """Link to a row's own page."""
    meta = row._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', url, text)


class JobsOfCase(admin.TabularInline):
    """The jobs of a case, newest first."""

    model = Job
    fields = readonly_fields = ("job", "created_at", "status", "risk", "target")
    ordering = ("-created_at",)
    extra = 0
    can_delete = False
    max_num = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Leave the bulky columns in the database."""
        return super().get_queryset(request).defer("payload", "result", "route")

    @admin.display(description="Job")
    def job(self, job: Job) -> SafeString:
        """Link to the job."""
        return link(job, str(job.pk)[:8])


@admin.register(Case)
class CaseAdmin(ReadOnly):
    """Cases, newest first, with how many jobs each has."""

    list_display = ["case_id", "clinic", "created_at", "number_of_jobs", "last_job_at"]
    list_filter = ["clinic"]
    list_select_related = ["clinic"]
    search_fields = ["case_id"]
    search_help_text = "A case's identifier, exactly as the clinic writes it."
    exact_search: ClassVar[Any] = {"case_id": str}
    inlines = [JobsOfCase]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        """Count the jobs in the same query."""
        cases = super().get_queryset(request)
        found: QuerySet[Case] = cases.annotate(
            n_jobs=Count("jobs"), last_job=Max("jobs__created_at")
        )
        return found

    @admin.display(description="Jobs", ordering="n_jobs")
    def number_of_jobs(self, case: Any) -> int:
        """Say how often it was screened."""
        return int(case.n_jobs)

    @admin.display(description="Last job", ordering="last_job")
    def last_job_at(self, case: Any) -> Any:
        """Say when it was last screened."""
        return case.last_job


@admin.register(Job)
class JobAdmin(ReadOnly):
    """Jobs, newest first: what was asked, what was answered, and by which route."""

    list_display = [
        "short_id",
        "case_link",
        "created_at",
        "status",
        "risk",
        "priority",
        "target",
        "attempt",
        "error_code",
    ]
    list_filter = ["status", "risk", "priority", "target", "clinic", "created_at"]
    list_select_related = ["case"]
    search_fields = ["id"]
    search_help_text = "A job or case, exactly as it is written."
    exact_search: ClassVar[Any] = {"id": UUID, "case__case_id": str}
    actions = ["retry_selected", "cancel_selected"]
    fieldsets = [
        (None, {"fields": ["id", "case_link", "clinic", "client", "priority"]}),
        (
            "What was reported",
            {
                "fields": [
                    "age",
                    "reported",
                    "milestone_answers",
                    "flags",
                    "embedding",
                    "preference",
                ]
            },
        ),
        (
            "Draft",
            {
                "fields": [
                    "status",
                    "risk",
                    "model_risk",
                    "rules_risk",
                    "draft_summary",
                    "draft_recommendations",
                    "draft_family_text",
                    "draft_evidence",
                    "draft_confidence",
                    "result_problems_in_words",
                    "unusable_answer",
                    "model_id",
                    "error",
                    "error_code",
                    "review_link",
                ]
            },
        ),
        ("Route", {"fields": ["target", "route_in_words"]}),
        (
            "Times",
            {
                "fields": [
                    "created_at",
                    "started_at",
                    "finished_at",
                    "not_before",
                    "attempt",
                    "failures",
                    "crashes",
                    "worker",
                    "lease_until",
                ]
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Leave the bulky columns out of the list."""
        jobs = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and str(match.url_name).endswith("changelist"):
            return jobs.defer("payload", "result", "result_problems", "route")
        return jobs.select_related("clinic", "case", "review")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show everything, offer nothing to change."""
        return [str(n) for _, part in self.fieldsets for n in part["fields"]]

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
            self.message_user(request, f"{count} jobs {done}.")

    @admin.display(description="Job", ordering="id")
    def short_id(self, job: Job) -> str:
        """Show enough to tell jobs apart."""
        return str(job.pk)[:8]

    @admin.display(description="Case", ordering="case__case_id")
    def case_link(self, job: Job) -> SafeString:
        """Link to the case."""
        return link(job.case, job.case.case_id)

    @admin.display(description="Age")
    def age(self, job: Job) -> str:
        """Say the age since birth, and the week of birth if it was given."""
        months = job.payload.get("age_months")
        weeks = job.payload.get("gestational_weeks")
        age = "not given" if months is None else f"{months} months"
        return f"{age}, born at {weeks} weeks" if weeks is not None else age

    @admin.display(description="In their words")
    def reported(self, job: Job) -> str:
        """Show the free text, as it was written."""
        return job.payload.get("observations") or EMPTY

    @admin.display(description="Checklist")
    def milestone_answers(self, job: Job) -> SafeString | str:
        """Show the answers, one a line."""
        words = dict(ANSWERS)
        answers = job.payload.get("milestones", {})
        return bullets([f"{key}: {words[answer]}" for key, answer in answers.items()])

    @admin.display(description="Flags")
    def flags(self, job: Job) -> str:
        """Name the flags that are set."""
        flags = job.payload.get("flags", {})
        names = {"lost_skill": "Lost a skill", "parent_concern": "Caregiver is worried"}
        return ", ".join(names[key] for key, on in flags.items() if on) or EMPTY

    @admin.display(description="Embedding")
    def embedding(self, job: Job) -> str:
        """Say whether there is one; it is never labelled."""
        if "embedding_b64" not in job.payload:
            return EMPTY
        rows, columns = job.payload.get("shape", [1, 256])
        return f"{rows} by {columns} values"

    @admin.display(description="Preferred target")
    def preference(self, job: Job) -> str:
        """Say where the client wanted it to go."""
        return str(job.payload.get("preferred_target", "auto"))

    @admin.display(description="Summary")
    def draft_summary(self, job: Job) -> SafeString | str:
        """Show the draft's summary."""
        return bullets(self._usable(job).get("summary"))

    @admin.display(description="Recommendations")
    def draft_recommendations(self, job: Job) -> SafeString | str:
        """Show the draft's recommendations."""
        return bullets(self._usable(job).get("recommendations"))

    @admin.display(description="Family text")
    def draft_family_text(self, job: Job) -> str:
        """Show the draft's words for the family."""
        return self._usable(job).get("parent_text") or EMPTY

    @admin.display(description="What it rests on")
    def draft_evidence(self, job: Job) -> SafeString | str:
        """Show the draft's evidence."""
        evidence = self._usable(job).get("explainability", [])
        return bullets([f"{e['type']}: {e['detail']}" for e in evidence])

    @admin.display(description="The model's own confidence")
    def draft_confidence(self, job: Job) -> str:
        """Show the model's own number, which is not a probability."""
        confidence = self._usable(job).get("confidence")
        return EMPTY if confidence is None else f"{confidence:.2f}"

    @admin.display(description="What is wrong with the answer")
    def result_problems_in_words(self, job: Job) -> SafeString | str:
        """Say why the answer could not be used."""
        return bullets([code.replace("_", " ") for code in job.result_problems])

    @admin.display(description="The answer as it came")
    def unusable_answer(self, job: Job) -> SafeString | str:
        """Show an answer that could not be used, for somebody to make sense of."""
        if not job.result_problems:
            return EMPTY
        return format_html("<pre>{}</pre>", json.dumps(job.result, indent=2)[:10_000])

    @admin.display(description="Review")
    def review_link(self, job: Job) -> SafeString | str:
        """Link to the clinician's side."""
        review = getattr(job, "review", None)
        return EMPTY if review is None else link(review, review.get_state_display())

    @admin.display(description="Tries")
    def route_in_words(self, job: Job) -> SafeString | str:
        """Say which targets were asked, why, and how each answered."""
        lines = []
        for decision in job.route:
            reasons = {c["target"]: c["reason"] for c in decision.get("candidates", [])}
            lines += [
                f"attempt {decision['attempt']}: {t['target']} "
                f"({reasons.get(t['target'], '')}): {t['outcome']}, "
                f"{t['milliseconds']} ms"
                for t in decision["tries"]
            ]
            lines += [
                f"attempt {decision['attempt']}: not {e['target']}: {e['reason']}"
                for e in decision.get("excluded", [])
            ]
        return bullets(lines)

    @staticmethod
    def _usable(job: Job) -> dict[str, Any]:
        return job.result if job.result and not job.result_problems else {}


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    """Reviews, newest first: what waits for a clinician."""

    list_display = [
        "case",
        "state",
        "risk",
        "draft_risk",
        "created_at",
        "signed_off_at",
    ]
    list_filter = ["state", "risk", "job__clinic", "job__priority"]
    list_select_related = ["job__case"]
    search_fields = ["job__case__case_id"]
    search_help_text = "A case or job, exactly as it is written."
    exact_search: ClassVar[Any] = {"job__case__case_id": str, "job_id": UUID}
    readonly_fields = [
        "case",
        "job_link",
        "state",
        "risk",
        "draft_risk",
        "summary_list",
        "recommendation_list",
        "parent_text",
        "created_at",
        "signed_off_by",
        "signed_off_at",
    ]
    fields: ClassVar[Any] = readonly_fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        """Leave the job's bulky columns in the database."""
        reviews = super().get_queryset(request)
        return reviews.defer("job__payload", "job__result", "job__route")

    @admin.display(description="Case", ordering="job__case__case_id")
    def case(self, review: Review) -> str:
        """Name the case, as the clinic knows it."""
        return review.job.case.case_id

    @admin.display(description="Draft says", ordering="job__model_risk")
    def draft_risk(self, review: Review) -> str:
        """Show what the model said, beside what the case is listed under."""
        return word(Job, "model_risk", review.job.model_risk)

    @admin.display(description="Job")
    def job_link(self, review: Review) -> SafeString:
        """Link to the machine's side."""
        return link(review.job, str(review.job_id))

    @admin.display(description="Summary")
    def summary_list(self, review: Review) -> SafeString | str:
        """Show the summary."""
        return bullets(review.summary)

    @admin.display(description="Recommendations")
    def recommendation_list(self, review: Review) -> SafeString | str:
        """Show the recommendations."""
        return bullets(review.recommendations)


@admin.register(Clinic)
class ClinicAdmin(admin.ModelAdmin):
    """The tenants."""

    list_display = ["name", "slug"]
    search_fields = ["name", "slug"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A clinic's cases are kept, and so is it."""
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    """Keys, newest first. They are made by ``manage.py create_api_key``."""

    list_display = [
        "name",
        "prefix",
        "clinic",
        "scope_list",
        "created_at",
        "expires_at",
        "last_used_at",
        "revoked_at",
    ]
    list_filter = ["clinic"]
    list_select_related = ["clinic"]
    exclude = ["digest", "scopes"]
    readonly_fields = ["scope_list"]
    actions = ["revoke_selected"]

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Ask for the right to change keys."""
        user: Any = request.user
        return bool(user.has_perm("screening.change_apikey"))

    @admin.action(description="Revoke the chosen keys", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """Revoke each; a revoked key opens nothing again."""
        for key in queryset.select_related("clinic"):
            revoke_key(key, actor=f"user:{request.user.pk}")
        self.message_user(request, "The keys open nothing from now on.")

    @admin.display(description="Scopes")
    def scope_list(self, key: ApiKey) -> str:
        """Name the scopes."""
        return ", ".join(key.scopes)
