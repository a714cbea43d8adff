"""Reviews: the clinician's side, which begins as a copy of the draft."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from audit.pages import EMPTY, ReadOnly, bullets, link
from screening.admin.cases import BULKY
from screening.admin.parts import risk_beside_draft, state_tag
from screening.models import Review


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    """Reviews, newest first: what waits for a clinician."""

    list_display = ["case", "risk_badge", "state_tag", "created_at", "signed_off_at"]
    list_filter = ["state", "risk", "job__clinic", "job__priority"]
    search_fields = ["job__case__case_id"]
    search_help_text = "A case or job, exactly as it is written."
    exact_search: ClassVar[Any] = {"job__case__case_id": str, "job_id": UUID}
    fields: ClassVar[Any] = [
        "case",
        "job_link",
        "state_tag",
        "risk_badge",
        "summary_list",
        "recommendation_list",
        "family_text",
        "created_at",
        "signed_off_by",
        "signed_off_at",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        """Leave the job's bulky columns in the database."""
        reviews = super().get_queryset(request)
        return reviews.select_related("job__case", "signed_off_by").defer(
            *(f"job__{column}" for column in BULKY)
        )

    def title_of(self, row: Review) -> tuple[str, str]:
        """Name the page after the case, as the clinic knows it."""
        return f"Review of case {row.job.case.case_id}", ""

    @admin.display(description="Case", ordering="job__case__case_id")
    def case(self, review: Review) -> str:
        """Name the case, as the clinic knows it."""
        return review.job.case.case_id

    @admin.display(description="Risk", ordering="risk")
    def risk_badge(self, review: Review) -> SafeString | str:
        """Show the clinician's risk, and the draft's where it is another."""
        return risk_beside_draft(review.risk, review.job.model_risk)

    @admin.display(description="State", ordering="state")
    def state_tag(self, review: Review) -> SafeString:
        """Say how far the clinician has got."""
        return state_tag(review)

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

    @admin.display(description="Text for the family")
    def family_text(self, review: Review) -> str:
        """Show the words for the family."""
        return review.parent_text or EMPTY
