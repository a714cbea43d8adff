"""Reviews: the list of what waits, and the pages on which a clinician writes and signs.

The stock form is not used at all: each button is one call of a service.
"""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Case, F, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.debug import sensitive_post_parameters

from audit.pages import ReadOnly, icon, link
from screening.admin.cases import BULKY
from screening.admin.parts import risk_beside_draft, state_tag
from screening.admin.review_forms import (
    AddendumForm,
    ReviewForm,
    SigningForm,
    ViewForm,
)
from screening.admin.review_pages import (
    case_context,
    may_write,
    sign_off_context,
    signed_context,
)
from screening.admin.review_parts import (
    OPEN,
    ShownFilter,
    age_words,
    due_clock,
    flags_to_know,
    waiting,
    with_whom,
)
from screening.admin.second_reads import (
    must_read_blind,
    page_of,
    second_read_view,
)
from screening.errors import ScreeningError
from screening.models import Review
from screening.services.review import (
    adjudicate,
    ask_for_second_read,
    claim_review,
    give_up_claim,
    reviews_of,
)
from screening.services.signing import add_addendum, release_report, sign_off

PEOPLE = ["assignee", "signed_off_by", "released_by", "family_approved_by"]
READERS = [f"second_read__{who}" for who in ("first_reader", "reader", "adjudicator")]
HIDDEN = format_html(
    '<span class="risk risk-hidden">{} Hidden</span>'
    '<span class="sub">until you give your own view</span>',
    icon("blind"),
)


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    """Reviews of the person's clinics, what is due first. Services alone write."""

    list_display = ["due", "case", "age", "waits"]  # and more: `get_list_display`
    list_display_links = None  # the case is the link
    show_facets = admin.ShowFacets.ALWAYS
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
        """Keep to the person's clinics; leave the child's words out of the list."""
        user: Any = request.user
        match = request.resolver_match
        reviews = reviews_of(user)
        if match is None or not str(match.url_name).endswith("changelist"):
            return reviews.select_related(*PEOPLE, *READERS)
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
            link(review, review.job.case.case_id),
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

    # --- The pages ------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        """Add the pages for a signature and for a second read."""
        view = self.admin_site.admin_view
        return [
            path(
                "<path:object_id>/sign-off/",
                view(self.sign_off_view),
                name="screening_review_sign_off",
            ),
            path(
                "<path:object_id>/second-read/",
                view(self.second_read_view),
                name="screening_review_second_read",
            ),
            *super().get_urls(),
        ]

    @method_decorator(sensitive_post_parameters("password"))
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a review; what a button asks for is one step, by its service."""
        review = self._review(request, object_id)
        if review is None:
            return self._back(request, object_id)
        user: Any = request.user
        if must_read_blind(review, user):
            return HttpResponseRedirect(page_of(review))
        if request.method != "POST":
            return self._show(request, review)
        for button, (right, step) in STEPS.items():
            if button in request.POST:
                if not user.has_perm(f"screening.{right}"):
                    raise PermissionDenied
                response: HttpResponse = step(self, request, review)
                return response
        raise PermissionDenied

    def second_read_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a second reader's own view."""
        review = self._review(request, object_id)
        if review is None:
            return self._back(request, object_id)
        return second_read_view(request, review, self.admin_site.each_context(request))

    @method_decorator(sensitive_post_parameters("password"))
    def sign_off_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what would be signed; with the password, sign it."""
        review = self._review(request, object_id)
        if review is None:
            return self._back(request, object_id)
        user: Any = request.user
        if not user.has_perm("screening.sign_off_review"):
            raise PermissionDenied
        if must_read_blind(review, user) or not may_write(review, user):
            return HttpResponseRedirect(self._page(review))
        form = SigningForm(
            request.POST if request.method == "POST" else None,
            initial={"version": review.version},
        )
        refused: ScreeningError | None = None
        if request.method == "POST" and form.is_valid():
            try:
                sign_off(review, user=user, **form.cleaned_data)
            except ScreeningError as exc:
                refused = exc
            else:
                messages.success(request, "Signed. The report is locked now.")
                return HttpResponseRedirect(self._page(review))
        context = sign_off_context(review, user, form, refused)
        return self._answer(request, "sign_off", review, context)

    def _review(self, request: HttpRequest, object_id: str) -> Review | None:
        """Find a review of the person's clinics, for who may see reviews."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found: Review | None = self.get_object(request, unquote(object_id))
        return found

    def _back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        stock: Any = self
        response: HttpResponse = stock._get_obj_does_not_exist_redirect(
            request, self.opts, object_id
        )
        return response

    def _page(self, review: Review) -> str:
        return reverse("admin:screening_review_change", args=[review.pk])

    def _show(self, request: HttpRequest, review: Review, **forms: Any) -> HttpResponse:
        """Show the page of a review, with the forms that were filled in."""
        user: Any = request.user
        if review.state == Review.State.REQUIRES_REVIEW:
            context = case_context(review, user, **forms)
            return self._answer(request, "change_form", review, context)
        context = signed_context(review, user, **forms)
        return self._answer(request, "signed", review, context)

    def _answer(
        self, request: HttpRequest, name: str, review: Review, context: dict[str, Any]
    ) -> HttpResponse:
        title, _ = self.title_of(review)
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": None,
            "opts": self.opts,
            "original": review,
            "review": review,
            "job": review.job,
            **context,
        }
        template = f"admin/screening/review/{name}.html"
        return TemplateResponse(request, template, context)

    def title_of(self, row: Review) -> tuple[str, str]:
        """Name the page after the case, as the clinic knows it."""
        return f"Review of case {row.job.case.case_id}", ""

    # --- The steps ------------------------------------------------------------------

    def _claim(self, request: Any, review: Review) -> HttpResponse:
        """Take a review; from its own page, with what was written there."""
        if "version" in request.POST:
            return self._store(request, review)
        return self._tried(
            request, review, "You have this review.", claim_review, user=request.user
        )

    def _release(self, request: Any, review: Review) -> HttpResponse:
        return self._tried(
            request,
            review,
            "The report is released.",
            release_report,
            user=request.user,
        )

    def _tried(
        self, request: Any, review: Review, done: str, step: Any, **given: Any
    ) -> HttpResponse:
        """Take a step that needs nothing typed, and say how it went."""
        try:
            step(review, **given)
        except ScreeningError as exc:
            messages.error(request, str(exc))
        else:
            messages.success(request, done)
        return HttpResponseRedirect(self._page(review))

    def _store(self, request: Any, review: Review) -> HttpResponse:
        """Store what was written; then do what else the button says."""
        form = ReviewForm(request.POST, review=review)
        if not form.is_valid():
            return self._show(request, review, form=form)
        try:
            version = form.store(request.user)
            if "_claim" in request.POST:
                claim_review(review, user=request.user)
            if "_second_read" in request.POST:
                ask_for_second_read(review, user=request.user, version=version)
            if "_give_back" in request.POST:
                give_up_claim(review, user=request.user)
        except ScreeningError as exc:
            newest = self.get_queryset(request).get(pk=review.pk)
            return self._show(request, newest, form=form.over(newest), refused=exc)
        if "_sign_off" in request.POST:
            return HttpResponseRedirect(
                reverse("admin:screening_review_sign_off", args=[review.pk])
            )
        said = {
            "_claim": "You have this review.",
            "_second_read": "A second reader is asked.",
            "_give_back": "You gave this review back. What was written stays.",
        }
        words = [words for button, words in said.items() if button in request.POST]
        is_new = version != form.cleaned_data["version"]
        saved = f"Saved: version {version}." if is_new else "Nothing was changed."
        messages.success(request, words[0] if words else saved)
        return HttpResponseRedirect(self._page(review))

    def _decide(self, request: Any, review: Review) -> HttpResponse:
        """Decide between two readers."""
        form = ViewForm(request.POST, prefix="decision")
        if form.is_valid():
            try:
                adjudicate(review, user=request.user, **form.cleaned_data)
            except ScreeningError as exc:
                messages.error(request, f"Nothing was stored. {exc}")
            else:
                messages.success(request, "Your decision is stored.")
            return HttpResponseRedirect(self._page(review))
        return self._show(request, review, decision=form)

    def _add(self, request: Any, review: Review) -> HttpResponse:
        """Add a signed text to a signed report."""
        form = AddendumForm(request.POST)
        if form.is_valid():
            try:
                add_addendum(review, user=request.user, **form.cleaned_data)
            except ScreeningError as exc:
                words = str(exc).removeprefix("Nothing was signed. ")
                form.add_error(None, f"Nothing was added. {words}")
            else:
                messages.success(request, "The addendum is signed and added.")
                return HttpResponseRedirect(self._page(review))
        if review.state == Review.State.REQUIRES_REVIEW:
            messages.error(request, "Only a signed report has addenda.")
        return self._show(request, review, addendum=form)


STEPS: dict[str, tuple[str, Any]] = {
    "_claim": ("change_review", ReviewAdmin._claim),
    "_save": ("change_review", ReviewAdmin._store),
    "_sign_off": ("change_review", ReviewAdmin._store),
    "_second_read": ("change_review", ReviewAdmin._store),
    "_give_back": ("change_review", ReviewAdmin._store),
    "_decide": ("adjudicate_review", ReviewAdmin._decide),
    "_addendum": ("sign_off_review", ReviewAdmin._add),
    "_release": ("release_review", ReviewAdmin._release),
}
"""Button -> the right that it needs, and its step."""
