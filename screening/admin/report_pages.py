"""What a signed report is looked at and taken away by: its sheet, files, and lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_safe

from audit.pages import bullets
from screening.admin.exports import table
from screening.admin.parts import risk_badge
from screening.admin.review_parts import paragraphs
from screening.admin.worklist_choices import (
    blind_to,
    chosen,
    filters_for,
    read_wanted,
    views_for,
)
from screening.admin.worklist_rows import clinics_of, seen_in
from screening.documents.fhir import fhir_bundle
from screening.documents.reported import checklist_heading, domain_rows, facts_of
from screening.documents.signed import (
    ADDENDUM_NOT_WHOLE,
    CREDIT,
    DISCLAIMER,
    NOT_WHOLE,
    OUTCOMES,
    SignedReport,
    file_name,
    moment_words,
)
from screening.errors import NotReady, NotYours
from screening.models import Review
from screening.services.listing import export_reviews
from screening.services.report import (
    FAMILY,
    WHOLE,
    NoReport,
    read_report_of,
    signed_report,
    why_not_for_family,
)
from screening.services.review import reviews_of

# --- Files ------------------------------


def report_urls(admin: Any) -> list[URLPattern]:
    """Name the addresses from which a signed report and the list are taken."""
    view = admin.admin_site.admin_view
    return [
        path("export.csv", view(reviews_as_csv), name="screening_review_export"),
        path(
            "<int:object_id>/report.pdf",
            view(whole_as_pdf),
            name="screening_review_report_pdf",
        ),
        path(
            "<int:object_id>/report.fhir.json",
            view(whole_as_fhir),
            name="screening_review_report_fhir",
        ),
        path(
            "<int:object_id>/family.pdf",
            view(family_as_pdf),
            name="screening_review_family_pdf",
        ),
    ]


@require_safe
def whole_as_pdf(request: HttpRequest, object_id: int) -> HttpResponse:
    """Give the report on paper."""
    # What writes PDFs takes most of a second to import: only who prints waits for it.
    from screening.documents.pdf import report_pdf

    return _file(request, object_id, "pdf", WHOLE, report_pdf, "application/pdf")


@require_safe
def whole_as_fhir(request: HttpRequest, object_id: int) -> HttpResponse:
    """Give the report as a FHIR bundle."""
    return _file(request, object_id, "fhir", WHOLE, _bundle, "application/fhir+json")


@require_safe
def family_as_pdf(request: HttpRequest, object_id: int) -> HttpResponse:
    """Give the sheet for the family, if it may leave."""
    from screening.documents.pdf import family_pdf  # see `whole_as_pdf`

    return _file(request, object_id, "pdf", FAMILY, family_pdf, "application/pdf")


def _bundle(report: SignedReport) -> bytes:
    return json.dumps(fhir_bundle(report), ensure_ascii=False).encode()


def _file(
    request: HttpRequest,
    object_id: int,
    form: str,
    part: str,
    write: Callable[[SignedReport], bytes],
    media_type: str,
) -> HttpResponse:
    """Read a signed report and send it as a file."""
    user: Any = request.user
    review = reviews_of(user).filter(pk=object_id).first()
    if review is None:
        raise Http404
    try:
        report = read_report_of(review, user=user, form=form, part=part)
    except NotYours:
        raise PermissionDenied from None
    except NoReport:
        raise Http404 from None
    except NotReady as exc:
        messages.error(request, str(exc))
        return HttpResponseRedirect(
            reverse("admin:screening_review_change", args=[object_id])
        )
    response = HttpResponse(write(report), content_type=media_type)
    name = file_name(report, form=form, part=part)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


# --- Lists ------------------------------


@require_safe
def reviews_as_csv(request: HttpRequest) -> HttpResponseBase:
    """Give the worklist, narrowed as its address says, as a table."""
    user: Any = request.user
    clinics = clinics_of(user)
    views, filters = views_for(user), filters_for(user, clinics)
    wanted = read_wanted(request.GET.dict(), views, filters)
    reviews = seen_in(clinics, user).filter(chosen(wanted, views, filters))
    try:
        listing = export_reviews(reviews, user=user, blind=blind_to(user))
    except NotYours:
        raise PermissionDenied from None
    return table(listing, "reviews")


# --- The sheet ------------------------------


def sheet_context(review: Review, user: User) -> dict[str, Any]:
    """Gather the report as it was signed, for the page on which it is looked at."""
    report = signed_report(review.signature)
    key = [review.pk]
    family = reverse("admin:screening_review_family_pdf", args=key)
    return {
        "sheet": report,
        "sheet_badge": risk_badge(report.risk),
        "sheet_facts": facts_of(report.reported, report.zone),
        "sheet_summary": bullets(list(report.summary)),
        "sheet_recommendations": bullets(list(report.recommendations)),
        "sheet_family": paragraphs(report.parent_text),
        "sheet_checklist": checklist_heading(report.reported),
        "sheet_rows": domain_rows(report.reported.answers),
        "sheet_outcome": OUTCOMES.get(report.outcome, report.outcome),
        "sheet_signed": moment_words(report.signed_at, report.zone),
        "sheet_addenda": [
            (each, paragraphs(each.text), moment_words(each.signed_at, report.zone))
            for each in report.additions
        ],
        "not_whole": NOT_WHOLE,
        "addendum_not_whole": ADDENDUM_NOT_WHOLE,
        "disclaimer": DISCLAIMER,
        "credit": CREDIT,
        "pdf_url": reverse("admin:screening_review_report_pdf", args=key),
        "fhir_url": reverse("admin:screening_review_report_fhir", args=key),
        "family_url": "" if (why := why_not_for_family(report)) else family,
        "why_no_family": why,
    }
