"""The audit log in the admin, as a person sees it: the events of the own clinics."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from audit.admin import AuditAdmin
from audit.models import Audit
from screening.services.sight import slugs_of, to_read_blind

admin.site.unregister(Audit)


@admin.register(Audit)
class AuditOfClinicAdmin(AuditAdmin):
    """Events of the person's clinics; those of none need a right of their own."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Audit]:
        """Leave out what is another clinic's, or of a case to be read blind."""
        user: Any = request.user
        events: QuerySet[Audit] = super().get_queryset(request)
        if user.is_superuser:
            return events
        seen = Q(clinic__in=slugs_of(user))
        if user.has_perm("screening.view_events_of_no_clinic"):
            seen |= Q(clinic="")
        # What was done about a case says what the first reader thinks of it.
        blind = to_read_blind(user).values("job_id")
        return events.filter(seen).exclude(job_id__in=blind)
