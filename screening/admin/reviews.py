"""Reviews: the list of what waits, and the pages on which a clinician writes and signs.

The stock form is not used at all: each button is one call of a service.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters

from audit.pages import ReadOnly, icon, tag
from screening.admin.cases import BULKY
from screening.admin.parts import risk_beside_draft, state_tag
from screening.admin.review_forms import (
    AddendumForm,
    ReviewForm,
    SigningForm,
    ViewForm,
)
from screening.admin.review_pages import case_context, sign_off_context, signed_context
from screening.admin.review_parts import age_words, due_clock, name_of, waiting
from screening.admin.second_reads import (
    may_decide,
    must_read_blind,
    page_of,
    second_read_view,
)
from screening.errors import ScreeningError, StalePage
from screening.models import Review
from screening.services.review import (
    adjudicate,
    ask_for_second_read,
    claim_review,
    give_up_claim,
    reviews_of,
)
from screening.services.signing import add_addendum, release_report, sign_off

OPEN = Q(state=Review.State.REQUIRES_REVIEW)
WAITS_FOR_READER = Q(second_read__isnull=True) & (
    ~Q(second_read_for="") | (Q(job__risk="refer") & ~Q(risk="refer"))
)
PEOPLE = ["assignee", "signed_off_by", "released_by", "family_approved_by"]
READERS = [f"second_read__{who}" for who in ("first_reader", "reader", "adjudicator")]
HIDDEN = format_html(
    '<span class="risk risk-hidden">{} Hidden</span>'
    '<span class="sub">until you give your own view</span>',
    icon("blind"),
)


class ShownFilter(admin.SimpleListFilter):
    """The ways in which people look at the list."""

    title = "view"
    parameter_name = "view"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the views."""
        return [
            ("needs-me", "Needs me"),
            ("mine", "Mine"),
            ("unclaimed", "Unclaimed"),
            ("overdue", "Overdue"),
            ("signed", "Signed"),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Review]
    ) -> QuerySet[Review]:
        """Keep the reviews of the chosen view."""
        user: Any = request.user
        mine = Q(assignee=user)
        views = {
            "needs-me": OPEN & (Q(assignee=None) | mine | WAITS_FOR_READER),
            "mine": OPEN & mine,
            "unclaimed": OPEN & Q(assignee=None),
            "overdue": OPEN & Q(due_at__lte=timezone.now()),
            "signed": ~OPEN,
        }
        chosen = views.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(chosen)


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    """Reviews of the person's clinics, what is due first. Services alone write."""

    list_display = ["due", "risk_badge", "case", "age", "to_know", "waits", "with_whom"]
    list_display_links = ["case"]
    list_filter = [ShownFilter]
    search_fields = ["job__case__case_id"]  # any: see `exact_search`
    search_help_text = "A case or job, exactly as it is written."
    exact_search: ClassVar[Any] = {"job__case__case_id": str, "job_id": UUID}
    actions = None
    ordering = [
        Case(When(OPEN, then=Value(0)), default=Value(1)),
        F("due_at").asc(nulls_last=True),
        "-id",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        """Keep to the person's clinics; for the list, leave the child's words behind."""
        user: Any = request.user
        match = request.resolver_match
        reviews = reviews_of(user)
        if match is None or not str(match.url_name).endswith("changelist"):
            return reviews.select_related(*PEOPLE, *READERS)
        self.reader = user
        return (
            reviews.select_related("assignee", "second_read")
            .defer(*(f"job__{column}" for column in BULKY))
            .annotate(
                age_months=F("job__payload__age_months"),
                lost_skill=F("job__payload__flags__lost_skill"),
                concern=F("job__payload__flags__parent_concern"),
            )
        )

    def get_list_display(self, request: HttpRequest) -> Any:
        """Tell the columns who looks: what a second reader must not see is hidden."""
        user: Any = request.user

        def risk(review: Review) -> SafeString | str:
            if must_read_blind(review, user):
                return HIDDEN
            return risk_beside_draft(review.risk, review.job.model_risk)

        def know(review: Any) -> SafeString | str:
            return flags_to_know(review, is_blind=must_read_blind(review, user))

        def whom(review: Review) -> SafeString | str:
            return with_whom(review, user)

        risk.short_description = "Risk"  # type: ignore[attr-defined]
        know.short_description = "What to know"  # type: ignore[attr-defined]
        whom.short_description = "With"  # type: ignore[attr-defined]
        return ["due", risk, "case", "age", know, "waits", whom]

    # --- Columns --------------------------------------------------------------------

    @admin.display(description="Due", ordering="due_at")
    def due(self, review: Review) -> SafeString | str:
        """Say how long is left, or that it is signed."""
        if review.state != Review.State.REQUIRES_REVIEW:
            return state_tag(review)
        return due_clock(review, timezone.now())

    @admin.display(description="Case", ordering="job__case__case_id")
    def case(self, review: Review) -> SafeString:
        """Name the case, as the clinic knows it, and the clinic."""
        return format_html(
            '{}<span class="sub">{}</span>',
            review.job.case.case_id,
            review.job.clinic.name,
        )

    @admin.display(description="Age")
    def age(self, review: Any) -> str:
        """Say the age since birth."""
        return age_words(review.age_months)

    @admin.display(description="Waiting", ordering="created_at")
    def waits(self, review: Review) -> SafeString:
        """Say for how long it has waited."""
        return waiting(review, timezone.now())
