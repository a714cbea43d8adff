"""The audit log in the admin, as a person sees it: the events of the own clinics."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.admin import AuditAdmin
from audit.models import Audit
from audit.pages import EMPTY
from screening.admin.trail_rows import case_url, person_url
from screening.services.sight import slugs_of
from screening.services.trail import events_seen_by

admin.site.unregister(Audit)


@admin.register(Audit)
class AuditOfClinicAdmin(AuditAdmin):
    """Events of the person's clinics; those of none need a right of their own."""

    list_display = [
        *("occurred_at", "action", "actor_link", "case_link", "job_id", "attempt"),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Audit]:
        """Leave out what is another clinic's, or of a case to be read blind."""
        user: Any = request.user
        return events_seen_by(user, super().get_queryset(request))

    def clinics_of(self, request: HttpRequest) -> list[str]:
        """Offer the person's clinics, and none to who has the right."""
        user: Any = request.user
        own = set(slugs_of(user))
        if user.has_perm("screening.view_events_of_no_clinic"):
            own.add("")
        clinics = super().clinics_of(request)
        return (
            clinics if user.is_superuser else [each for each in clinics if each in own]
        )

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Lead to all that the log has of the case, and of the person."""
        event: Audit = context["original"]
        context["trails"] = [
            ("All of this case", case_url(event.clinic, event.case_id)),
            ("All of this person or key", person_url(event.actor)),
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="Case", ordering="case_id")
    def case_link(self, event: Audit) -> SafeString | str:
        """Lead from an event to all that the log has of its case."""
        if not event.case_id:
            return EMPTY
        url = case_url(event.clinic, event.case_id)
        return format_html('<a href="{}">{}</a>', url, event.case_id)

    @admin.display(description="Actor", ordering="actor")
    def actor_link(self, event: Audit) -> SafeString:
        """Lead from an event to all that the log has of who did it."""
        return format_html('<a href="{}">{}</a>', person_url(event.actor), event.actor)
