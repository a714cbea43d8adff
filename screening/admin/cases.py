"""Cases, with how often each was screened."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, Max, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import BaseInlineFormSet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.safestring import SafeString

from audit.pages import ReadOnly, link
from screening.admin.clinics import ClinicFilter
from screening.admin.evidence import evidence_url, link_for
from screening.admin.exports import cases_as_csv
from screening.admin.parts import risk_beside_draft, status_tag
from screening.admin.trail_rows import case_url
from screening.models import Case, Job
from screening.services.reading import note_opened
from screening.services.sight import cases_seen_by, jobs_seen_by, may_read_words

MOST_JOBS = 50
BULKY = ("payload", "result", "result_problems", "route")


class NewestJobs(BaseInlineFormSet):
    """The newest jobs of a case alone, however many there are."""

    def get_queryset(self) -> Any:
        """Keep the newest."""
        if not hasattr(self, "_newest"):
            self._newest = super().get_queryset()[:MOST_JOBS]
        return self._newest


class JobsOfCase(admin.TabularInline):
    """The jobs of a case, newest first."""

    model = Job
    formset = NewestJobs
    verbose_name_plural = "Screenings, newest first"
    fields = readonly_fields = ("job", "created_at", "status_tag", "risk_badge")
    ordering = ("-created_at", "-id")
    extra = 0
    can_delete = False
    max_num = 0

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out the risk, unless the person may read it."""
        user: Any = request.user
        shown: tuple[str, ...] = super().get_fields(request, obj)  # type: ignore[assignment]
        return shown if may_read_words(user) else shown[:-1]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Job]:
        """Leave the bulky columns in the database."""
        user: Any = request.user
        return jobs_seen_by(user, super().get_queryset(request)).defer(*BULKY)

    @admin.display(description="Job")
    def job(self, job: Job) -> SafeString:
        """Link to the job."""
        return link(job, str(job.pk)[:8])

    @admin.display(description="Draft")
    def status_tag(self, job: Job) -> SafeString:
        """Say how far the machine has got."""
        return status_tag(job)

    @admin.display(description="Risk")
    def risk_badge(self, job: Job) -> SafeString | str:
        """Say what it is listed under."""
        return risk_beside_draft(job.risk, job.model_risk)


@admin.register(Case)
class CaseAdmin(ReadOnly):
    """Cases, newest first, with how many jobs each has."""

    list_display = ["case_id", "clinic", "created_at", "number_of_jobs", "last_job_at"]
    list_filter: ClassVar[Any] = [("clinic", ClinicFilter)]
    search_fields = ["case_id"]
    search_help_text = "A case's identifier, exactly as the clinic writes it."
    exact_search: ClassVar[Any] = {"case_id": str}
    fields: ClassVar[Any] = ["case_id", "clinic", "created_at"]
    inlines = [JobsOfCase]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        """Count the jobs in the same query, of the cases on the page alone."""
        jobs = Job.objects.filter(case=OuterRef("pk")).order_by().values("case")
        user: Any = request.user
        found: QuerySet[Case] = (
            cases_seen_by(user, super().get_queryset(request))
            .select_related("clinic")
            .annotate(
                n_jobs=Coalesce(Subquery(jobs.annotate(n=Count("pk")).values("n")), 0),
                last_job=Subquery(jobs.annotate(at=Max("created_at")).values("at")),
            )
        )
        return found

    def get_urls(self) -> list[Any]:
        """Add the list as a table, and the evidence of one case."""
        export = path("export.csv", cases_as_csv(self), name="screening_case_export")
        return [export, evidence_url(self), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Account for who opened the page."""
        user: Any = request.user
        note_opened(context["original"], user=user, page="case")
        case: Case = context["original"]
        context["evidence_url"] = link_for(request, case)
        if user.has_perm("audit.view_audit"):
            context["trail_url"] = case_url(case.clinic.slug, case.case_id)
        return super().render_change_form(request, context, *args, **kwargs)

    def title_of(self, row: Case) -> tuple[str, str]:
        """Name the page after the case, as the clinic knows it."""
        return f"Case {row.case_id}", row.clinic.name

    @admin.display(description="Screenings", ordering="n_jobs")
    def number_of_jobs(self, case: Any) -> int:
        """Say how often it was screened."""
        return int(case.n_jobs)

    @admin.display(description="Last screened", ordering="last_job")
    def last_job_at(self, case: Any) -> Any:
        """Say when it was last screened."""
        return case.last_job
