"""The page on the log itself. It knows neither cases nor people."""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from audit.models import Audit
from audit.proving import NotProven, NotSealed, hand_out
from audit.standing import LONGEST, standing


@require_safe
def log_view(request: HttpRequest) -> HttpResponse:
    """Show how far the log is sealed, and what the last check of it found."""
    if not request.user.has_perm("audit.view_audit"):
        raise PermissionDenied
    context = {
        **admin.site.each_context(request),
        "title": "The log",
        "subtitle": None,
        "here": "log",
        "log": standing(),
        "longest": int(LONGEST.total_seconds()),
    }
    return TemplateResponse(request, "audit/log.html", context)


def proof_of(request: HttpRequest, event: Audit) -> HttpResponse:
    """Hand out the proof of an event as a file, or say why there is none."""
    try:
        proof = hand_out(event, actor=f"user:{request.user.pk}")
    except (NotSealed, NotProven) as exc:
        context = {
            **admin.site.each_context(request),
            "title": "No proof",
            "subtitle": None,
            "here": "events",
            "event": event,
            "is_broken": isinstance(exc, NotProven),
        }
        return TemplateResponse(request, "audit/no_proof.html", context, status=409)
    response = HttpResponse(proof.text, content_type="application/json")
    name = f"event-{proof.index}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response
