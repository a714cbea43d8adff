"""What the admin's read-only pages are made of.

Every text that came from outside is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

EMPTY = "-"
FILTER_SUFFIXES = {"__exact", "__id__exact", "__isnull", "__gte", "__lt"}


def icon(name: str) -> SafeString:
    """Draw one of our icons, which are in ``templates/desk/icons.html``."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="#i-{}"></use></svg>', name
    )


def tag(name: str, kind: str, words: str) -> SafeString:
    """Show a state as icon and word, coloured by its kind."""
    return format_html('<span class="tag {}">{} {}</span>', kind, icon(name), words)


def link(row: Any, text: str) -> SafeString:
    """Link to a row's own page."""
    meta = row._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', url, text)


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
        offers = [
            each[0] if isinstance(each, tuple) else each
            for each in self.get_list_filter(request)
        ]
        return any(
            lookup == getattr(offered, "parameter_name", offered)
            or lookup.removeprefix(str(offered)) in FILTER_SUFFIXES
            for offered in offers
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
