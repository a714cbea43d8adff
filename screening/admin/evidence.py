"""The evidence of a case: what it would hold, and the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods

from audit.models import Audit
from screening.documents.evidence import file_name
from screening.errors import NotReady, NotYours
from screening.models import Case
from screening.services.evidence import RIGHT, Scope, export_evidence_of, scope_for
from screening.services.reading import note_opened
from screening.services.sight import cases_seen_by

NAME = "screening_case_evidence"


def evidence_url(admin: Any) -> URLPattern:
    """Name the page from which the evidence of a case is taken."""

    @require_http_methods(["GET", "HEAD", "POST"])
    def view(request: HttpRequest, object_id: int) -> HttpResponse:
        return _page(request, object_id, admin)

    guarded: Callable[..., HttpResponse] = admin.admin_site.admin_view(view)
    return path("<int:object_id>/evidence/", guarded, name=NAME)


def link_for(request: HttpRequest, case: Case) -> str:
    """Return where a person takes the evidence of a case; empty if that is nowhere."""
    user: Any = request.user
    if not user.has_perm(RIGHT):
        return ""
    return reverse(f"admin:{NAME}", args=[case.pk])


def _page(request: HttpRequest, object_id: int, admin: Any) -> HttpResponse:
    user: Any = request.user
    if not user.has_perm(RIGHT):
        raise PermissionDenied
    own = cases_seen_by(user, Case.objects.select_related("clinic"))
    case = own.filter(pk=object_id).first()
    if case is None:
        raise Http404
    refused = ""
    try:
        scope = scope_for(case, user=user)
        if request.method == "POST":
            return _file(case, export_evidence_of(case, user=user))
    except NotYours:
        raise PermissionDenied from None
    except NotReady as exc:
        refused = str(exc)
    note_opened(case, user=user, page="evidence")
    context = {
        **admin.admin_site.each_context(request),
        "title": f"Evidence of case {case.case_id}",
        "case": case,
        "refused": refused,
        **_counts(case, scope),
    }
    status = 409 if refused else 200
    page = "admin/screening/case/evidence.html"
    return TemplateResponse(request, page, context, status=status)


def _counts(case: Case, scope: Scope) -> dict[str, int]:
    """Count what the file would hold."""
    events = Audit.objects.filter(clinic=case.clinic.slug, case_id=case.case_id)
    return {
        "screenings": scope.jobs.count(),
        "signed": scope.jobs.filter(review__signature__isnull=False).count(),
        "withheld": len(scope.withheld),
        "events": events.count(),
    }


def _file(case: Case, data: bytes) -> HttpResponse:
    response = HttpResponse(data, content_type="application/zip")
    name = file_name(case.case_id)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
