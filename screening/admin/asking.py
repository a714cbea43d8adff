"""What a clinician asks of others: to take a case over, a new screening, a referral."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from screening.admin.review_forms import area
from screening.admin.review_parts import name_of
from screening.errors import ScreeningError
from screening.models import FollowUp, Review
from screening.services.follow_up import LONGEST_NOTE, LONGEST_TO, ask_follow_up
from screening.services.handing_over import colleagues_for, hand_over


class ColleagueField(forms.ModelChoiceField):
    """One of some colleagues, by name."""

    def label_from_instance(self, obj: Any) -> str:
        """Name a person as on a signature."""
        return name_of(obj)


class HandOverForm(forms.Form):
    """To whom a review is handed over."""

    to = ColleagueField(
        label="Colleague",
        queryset=User.objects.none(),
        empty_label="Choose a colleague",
        error_messages={
            "required": "Choose a colleague.",
            "invalid_choice": "Choose a colleague of the list.",
        },
    )

    def __init__(self, data: Any = None, *, review: Review, user: User) -> None:
        super().__init__(data)
        to: Any = self.fields["to"]
        to.queryset = colleagues_for(review, user=user)


class RescreenForm(forms.Form):
    """By when a new screening is wanted, and why."""

    kind: ClassVar[str] = FollowUp.Kind.RESCREEN
    due_on = forms.DateField(
        label="By when",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={
            "required": "Choose the day by which it is to be.",
            "invalid": "Give a day, such as 2027-02-01.",
        },
    )
    note = forms.CharField(
        label="Note", max_length=LONGEST_NOTE, widget=area(3), required=False
    )


class ReferralForm(forms.Form):
    """To whom the child is referred, and why."""

    kind: ClassVar[str] = FollowUp.Kind.REFERRAL
    to = forms.CharField(
        label="To whom",
        max_length=LONGEST_TO,
        error_messages={"required": "Say to whom."},
    )
    note = forms.CharField(
        label="Note", max_length=LONGEST_NOTE, widget=area(3), required=False
    )


KINDS: dict[str, type[RescreenForm] | type[ReferralForm]] = {
    FollowUp.Kind.RESCREEN: RescreenForm,
    FollowUp.Kind.REFERRAL: ReferralForm,
}
ASKED = {
    FollowUp.Kind.RESCREEN: "A new screening is asked for.",
    FollowUp.Kind.REFERRAL: "The referral is asked for.",
}


def hand_over_view(admin: Any, request: HttpRequest, review: Review) -> HttpResponse:
    """Show who may take a review over; hand it to the one who is chosen."""
    user: Any = request.user
    if not user.has_perm("screening.change_review"):
        raise PermissionDenied
    page = _page_of(review)
    if review.assignee_id != user.pk or review.state != Review.State.REQUIRES_REVIEW:
        return HttpResponseRedirect(page)
    form = HandOverForm(request.POST or None, review=review, user=user)
    refused = ""
    if request.method == "POST" and form.is_valid():
        to = form.cleaned_data["to"]
        try:
            hand_over(review, user=user, to=to)
        except ScreeningError as exc:
            refused = str(exc)
        else:
            messages.success(request, f"{name_of(to)} has this review now.")
            return HttpResponseRedirect(page)
    answer: HttpResponse = admin.answer(
        request, "hand_over", review, {"form": form, "refused": refused}
    )
    return answer


def follow_up_view(admin: Any, request: HttpRequest, review: Review) -> HttpResponse:
    """Ask for a new screening, or refer the child, as the address says."""
    user: Any = request.user
    kind = request.GET.get("kind", "")
    if not user.has_perm("screening.change_review"):
        raise PermissionDenied
    page = _page_of(review)
    is_open = review.state == Review.State.REQUIRES_REVIEW
    is_anothers = is_open and review.assignee_id not in {None, user.pk}
    if kind not in KINDS or is_anothers:
        return HttpResponseRedirect(page)
    form = KINDS[kind](request.POST if request.method == "POST" else None)
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            ask_follow_up(review, user=user, kind=kind, **form.cleaned_data)
        except ScreeningError as exc:
            refused = str(exc)
        else:
            messages.success(request, ASKED[FollowUp.Kind(kind)])
            return HttpResponseRedirect(page)
    context = {
        "form": form,
        "kind": kind,
        "refused": refused,
        "today": timezone.localdate(),
    }
    answer: HttpResponse = admin.answer(request, "follow_up", review, context)
    return answer


def _page_of(review: Review) -> str:
    return reverse("admin:screening_review_change", args=[review.pk])
