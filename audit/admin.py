"""The audit log in the admin: to read, never to write."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from audit.desk import proof_of
from audit.models import Audit, Leaf
from audit.pages import (
    ClinicFilter,
    InOrder,
    NewestPages,
    ReadOnly,
    bullets,
    tag,
    values_of,
)


@admin.register(Audit)
class AuditAdmin(ReadOnly):
    """Events, newest first. Nobody adds, changes or deletes one by hand."""

    list_display = ["occurred_at", "action", "actor", "case_id", "job_id", "attempt"]
    list_filter = [ClinicFilter, "action"]
    paginator = NewestPages
    sortable_by = ()
    show_facets = admin.ShowFacets.NEVER  # each would be a count of all the events
    search_fields = ["case_id"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "A case, job, actor or request, exactly as it is written."
    exact_search = {"case_id": str, "job_id": UUID, "actor": str, "request_id": str}
    actions = None
    fields: ClassVar[Any] = [
        "occurred_at",
        "action",
        "actor",
        "clinic",
        "case_id",
        "job_id",
        "attempt",
        "detail_in_words",
        "request_id",
        "event_id",
        "seal",
    ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[InOrder]:
        """List by the time alone."""
        return InOrder

    def clinics_of(self, request: HttpRequest) -> list[str]:
        """List the clinics whose events a person may see; none is an empty text."""
        return values_of(Audit, "clinic")

    def matching(self, request: HttpRequest, name: str, value: Any) -> Q:
        """Look for a case within each clinic: the index has the clinic first."""
        found = super().matching(request, name, value)
        if name == "case_id":
            found &= Q(clinic__in=self.clinics_of(request))
        return found

    def get_urls(self) -> list[Any]:
        """Add the proof of an event, as a file."""
        view = self.admin_site.admin_view(require_http_methods(["GET"])(self.proof))
        proof = path("<int:object_id>/proof/", view, name="audit_audit_proof")
        return [proof, *super().get_urls()]

    def proof(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Hand out the proof of an event that the person may see."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        event = self.get_queryset(request).filter(pk=object_id).first()
        if event is None:
            raise Http404
        return proof_of(request, event)

    @admin.display(description="Place in the log")
    def seal(self, event: Audit) -> SafeString:
        """Say where the event stands in the signed tree, or that it waits."""
        leaf = Leaf.objects.filter(event_id=event.pk).first()
        if leaf is None:
            return tag("wait", "is-warn", "Being sealed")
        return tag("seal", "is-ok", f"Sealed as {leaf.tree_index:,}")

    @admin.display(description="Detail")
    def detail_in_words(self, event: Audit) -> SafeString | str:
        """Show the codes and counts, one a line."""
        return bullets([f"{key}: {value}" for key, value in event.detail.items()])
