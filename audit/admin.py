"""The audit log in the admin: to read, never to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from audit.models import Audit

EMPTY = "-"
FILTER_SUFFIXES = {"__exact", "__id__exact", "__isnull", "__gte", "__lt"}


def bullets(items: Any) -> SafeString | str:
    """Show a list of texts as one, escaped."""
    if not isinstance(items, list) or not items:
        return EMPTY
    lines = format_html_join("", "<li>{}</li>", ((str(item),) for item in items))
    return format_html('<ul class="points">{}</ul>', lines)


class ReadOnly(admin.ModelAdmin):
    """A page on which nothing can be added, changed or deleted, searched exactly.

    A search is an index look-up of whole identifiers: ``exact_search`` names each
    field and what turns the words typed into its value.
    """

    exact_search: ClassVar[dict[str, Callable[[str], Any]]] = {}
    list_per_page = 50
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Keep the rows in which any of the fields is just what was typed."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(pk__in=[])
        for name, parse in self.exact_search.items():
            try:
                wanted |= Q((name, parse(term)))
            except ValueError:
                continue
        return queryset.filter(wanted), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """Let a list be narrowed by its filters, and by nothing else."""
        return any(
            lookup == getattr(offered, "parameter_name", offered)
            or lookup.removeprefix(str(offered)) in FILTER_SUFFIXES
            for offered in self.list_filter
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show every field, offer none to change."""
        return [
            str(name) for name in flatten_fieldsets(self.get_fieldsets(request, obj))
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Call the list what it is: there is nothing to select it for."""
        title = capfirst(self.model._meta.verbose_name_plural)
        return super().changelist_view(
            request, {"title": title, **(extra_context or {})}
        )

    def title_of(self, row: Any) -> tuple[str, str]:
        """Name the page of one row: what it is, and which."""
        return capfirst(self.model._meta.verbose_name), str(row)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Call the page what it shows."""
        context["title"], context["subtitle"] = self.title_of(context["original"])
        return super().render_change_form(request, context, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows come from services."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are changed by services, if at all."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are kept."""
        return False


@admin.register(Audit)
class AuditAdmin(ReadOnly):
    """Events, newest first. Nobody adds, changes or deletes one by hand."""

    list_display = ["occurred_at", "action", "actor", "case_id", "job_id", "attempt"]
    list_filter = ["action", "clinic"]
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
    ]

    @admin.display(description="Detail")
    def detail_in_words(self, event: Audit) -> SafeString | str:
        """Show the codes and counts, one a line."""
        return bullets([f"{key}: {value}" for key, value in event.detail.items()])
