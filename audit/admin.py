"""The audit log in the admin: to read, never to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from audit.models import Audit


class ExactSearch(admin.ModelAdmin):
    """Search by whole identifiers, so that a search is an index look-up.

    ``exact_search`` names each field and what turns the words typed into its value.
    """

    exact_search: ClassVar[dict[str, Callable[[str], Any]]] = {}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Keep the rows in which any of the fields is just what was typed."""
        term = search_term.strip().replace("\0", "")
        if not term:
            return queryset, False
        wanted = Q()
        for name, parse in self.exact_search.items():
            try:
                wanted |= Q((name, parse(term)))
            except ValueError:
                continue
        return queryset.filter(wanted), False


@admin.register(Audit)
class AuditAdmin(ExactSearch):
    """Events, newest first. Nobody adds, changes or deletes one by hand."""

    list_display = ["occurred_at", "action", "actor", "case_id", "job_id", "attempt"]
    list_filter = ["action", "clinic"]
    search_fields = ["case_id"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "A case, job, actor or request, exactly as it is written."
    exact_search = {"case_id": str, "job_id": UUID, "actor": str, "request_id": str}
    list_per_page = 50
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Events come from services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Events are append-only."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Events are append-only."""
        return False
