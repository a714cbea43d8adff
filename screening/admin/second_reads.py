"""A second read: given by another person who has seen no other view.

Its page shows what was reported and nothing that anybody made of it: no draft, no
rules, no risk, no name, no reason, and no way to any of them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from screening.admin.child import child_of, corrected_words
from screening.admin.review_forms import ViewForm
from screening.errors import ScreeningError
from screening.models import Review
from screening.services.reading import note_opened
from screening.services.review import send_second_read
from screening.services.sight import (
    has_second_read,
    must_read_blind,
    waits_for_second_read,
)

__all__ = [
    "child_of",
    "corrected_words",
    "has_second_read",
    "must_read_blind",
    "page_of",
    "second_read_view",
    "waits_for_second_read",
]


def page_of(review: Review) -> str:
    """Return where the second read of a review is given."""
    return reverse("admin:screening_review_second_read", args=[review.pk])


def second_read_view(
    request: HttpRequest, review: Review, context: dict[str, Any]
) -> HttpResponse:
    """Show what was reported; take a risk and why, once."""
    user: Any = request.user
    if not user.has_perm("screening.change_review"):
        raise PermissionDenied
    if not must_read_blind(review, user):
        return HttpResponseRedirect(
            reverse("admin:screening_review_change", args=[review.pk])
        )
    note_opened(review.job, user=user, page="second_read")
    form = ViewForm(request.POST if request.method == "POST" else None)
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            send_second_read(review, user=user, **form.cleaned_data)
        except ScreeningError as exc:
            refused = str(exc)
        else:
            messages.success(request, "Your view is sent. You see all of it now.")
            return HttpResponseRedirect(
                reverse("admin:screening_review_change", args=[review.pk])
            )
    context |= {
        "title": f"Second read of case {review.job.case.case_id}",
        "subtitle": None,
        "case_id": review.job.case.case_id,
        "clinic": review.job.clinic.name,
        "child": child_of(review.job),
        "form": form,
        "refused": refused,
    }
    return TemplateResponse(request, "admin/screening/review/second_read.html", context)
