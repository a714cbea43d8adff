"""Reviews: the pages on which a clinician writes and signs. The list is the worklist.

The stock form is not used at all: each button is one call of a service.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters

from audit.pages import ReadOnly
from people.facts import code_seen_at
from people.pages import asks_code, signed_in_session
from screening.admin.asking import follow_up_view, hand_over_view
from screening.admin.case_page import case_context
from screening.admin.neighbours import neighbours_of
from screening.admin.report_pages import report_urls, sheet_context
from screening.admin.review_forms import (
    AddendumForm,
    ReviewForm,
    SigningForm,
    ViewForm,
)
from screening.admin.review_pages import (
    may_write,
    sign_off_context,
    signed_context,
)
from screening.admin.review_parts import FIELDS
from screening.admin.second_reads import page_of, second_read_view
from screening.errors import ScreeningError
from screening.models import Review
from screening.services.follow_up import follow_ups_of
from screening.services.reading import note_opened, note_seen
from screening.services.review import (
    adjudicate,
    ask_for_second_read,
    claim_review,
    give_up_claim,
    reviews_of,
    withdraw_family_approval,
)
from screening.services.sight import must_read_blind
from screening.services.signing import add_addendum, release_report, sign_off

PEOPLE = ["assignee", "signed_off_by", "released_by", "family_approved_by"]
READERS = [f"second_read__{who}" for who in ("first_reader", "reader", "adjudicator")]


@admin.register(Review)
class ReviewAdmin(ReadOnly):
    """Reviews of the person's clinics. Services alone write."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Review]:
        """Keep to the reviews of the person's clinics."""
        user: Any = request.user
        return reviews_of(user).select_related(*PEOPLE, *READERS)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Go to the worklist: there is one list of reviews."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        query = request.META.get("QUERY_STRING", "")
        home = reverse("admin:index")
        return HttpResponseRedirect(f"{home}?{query}" if query else home)

    # --- The pages ------------------------------------------------------------------

    def get_urls(self) -> list[Any]:
        """Add the pages for a signature and for a second read."""
        view = self.admin_site.admin_view
        return [
            *report_urls(self),
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
            path(
                "<path:object_id>/hand-over/",
                view(partial(self.asking_view, ask=hand_over_view)),
                name="screening_review_hand_over",
            ),
            path(
                "<path:object_id>/follow-up/",
                view(partial(self.asking_view, ask=follow_up_view)),
                name="screening_review_follow_up",
            ),
            *super().get_urls(),
        ]

    @method_decorator(sensitive_post_parameters("password", "code"))
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

    @method_decorator(sensitive_post_parameters("password", "code"))
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
            asks_code=asks_code(request),
        )
        refused: ScreeningError | None = None
        if request.method == "POST" and form.is_valid():
            try:
                seen = code_seen_at(request.session)
                sign_off(review, user=user, code_seen_at=seen, **form.cleaned_data)
            except ScreeningError as exc:
                refused = exc
            else:
                signed_in_session(request)
                messages.success(request, "Signed. The report is locked now.")
                return HttpResponseRedirect(self._page(review))
        context = sign_off_context(review, user, form, refused)
        return self.answer(request, "sign_off", review, context)

    def asking_view(
        self, request: HttpRequest, object_id: str, *, ask: Any
    ) -> HttpResponse:
        """Ask something of others: see `screening.admin.asking`."""
        review = self._review(request, object_id)
        if review is None:
            return self._back(request, object_id)
        response: HttpResponse = ask(self, request, review)
        return response

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
            context["neighbours"] = neighbours_of(review, user)
            return self.answer(request, "change_form", review, context)
        forms.pop("restored", "")
        forms.setdefault("addendum", AddendumForm(asks_code=asks_code(request)))
        context = signed_context(review, user, **forms) | sheet_context(review, user)
        return self.answer(request, "signed", review, context)

    def answer(
        self, request: HttpRequest, name: str, review: Review, context: dict[str, Any]
    ) -> HttpResponse:
        """Show one of the pages of a review, and account for who opened it."""
        user: Any = request.user
        note_seen([review], user=user)
        note_opened(review.job, user=user, page="review")
        title, _ = self.title_of(review)
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": None,
            "opts": self.opts,
            "original": review,
            "review": review,
            "job": review.job,
            "follow_ups": follow_ups_of(review),  # read where they are shown
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
            if "_withdraw" in request.POST:
                withdraw_family_approval(review, user=request.user, version=version)
            if "_give_back" in request.POST:
                give_up_claim(review, user=request.user)
        except ScreeningError as exc:
            newest = self.get_queryset(request).get(pk=review.pk)
            return self._show(request, newest, form=form.over(newest), refused=exc)
        if following := self._following(request, review):
            return HttpResponseRedirect(following)
        said = {
            "_claim": "You have this review.",
            "_second_read": "A second reader is asked.",
            "_withdraw": "The approval is withdrawn: the family may not read the text.",
            "_give_back": "You gave this review back. What was written stays.",
        }
        words = [words for button, words in said.items() if button in request.POST]
        is_new = version != form.cleaned_data["version"]
        saved = f"Saved: version {version}." if is_new else "Nothing was changed."
        messages.success(request, words[0] if words else saved)
        return HttpResponseRedirect(self._page(review))

    def _following(self, request: Any, review: Review) -> str:
        """Return the page to which a button leads once all is stored."""
        for step in ("sign_off", "hand_over", "follow_up"):
            if f"_{step}" in request.POST:
                page = reverse(f"admin:screening_review_{step}", args=[review.pk])
                kind = request.POST.get("_follow_up", "")
                query = urlencode({"kind": kind})
                return f"{page}?{query}" if step == "follow_up" else page
        return ""

    def _restore(self, request: Any, review: Review) -> HttpResponse:
        """Put the draft's text into one field; nothing is stored, nothing is lost."""
        name = request.POST["_restore"]
        if name not in FIELDS:
            raise PermissionDenied
        form = ReviewForm(request.POST, review=review).restored(name)
        return self._show(request, review, form=form, restored=name)

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
        form = AddendumForm(request.POST, asks_code=asks_code(request))
        if form.is_valid():
            try:
                seen = code_seen_at(request.session)
                add_addendum(
                    review,
                    user=request.user,
                    code_seen_at=seen,
                    **form.cleaned_data,
                )
            except ScreeningError as exc:
                words = str(exc).removeprefix("Nothing was signed. ")
                form.add_error(None, f"Nothing was added. {words}")
            else:
                signed_in_session(request)
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
    "_withdraw": ("change_review", ReviewAdmin._store),
    "_hand_over": ("change_review", ReviewAdmin._store),
    "_follow_up": ("change_review", ReviewAdmin._store),
    "_restore": ("change_review", ReviewAdmin._restore),
    "_give_back": ("change_review", ReviewAdmin._store),
    "_decide": ("adjudicate_review", ReviewAdmin._decide),
    "_addendum": ("sign_off_review", ReviewAdmin._add),
    "_release": ("release_review", ReviewAdmin._release),
}
"""Button -> the right that it needs, and its step."""
