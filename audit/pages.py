"""What the admin's read-only pages are made of.

Every text that came from outside is escaped here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst

EMPTY = "-"
FILTER_SUFFIXES = {"__exact", "__id__exact", "__isnull", "__gte", "__lt"}
MOST_LISTED = 10_000
MOST_CHOICES = 200
NO_CLINIC = "."
"""Stands for none in an address: no clinic is called so."""


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


def values_of(model: type[Model], name: str) -> list[str]:
    """List the values of a column of texts in order, by one look at its index each."""
    quote = connection.ops.quote_name
    table, column = quote(model._meta.db_table), quote(name)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH RECURSIVE found(value) AS (
                SELECT MIN({column}) FROM {table}
                UNION ALL
                SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > found.value)
                FROM found WHERE found.value IS NOT NULL
            )
            SELECT value FROM found WHERE value IS NOT NULL"""  # noqa: S608 - names of our models
        )
        return [value for (value,) in cursor.fetchall()]


class ClinicFilter(admin.SimpleListFilter):
    """Filter by the clinics that rows name by their slugs, without reading all rows."""

    title = parameter_name = "clinic"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the clinics; what belongs to none is called so."""
        clinics = model_admin.clinics_of(request)[:MOST_CHOICES]
        return [(slug or NO_CLINIC, slug or "No clinic") for slug in clinics]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Keep the rows of the chosen clinic."""
        chosen = self.value()
        if not chosen:
            return queryset
        return queryset.filter(clinic="" if chosen == NO_CLINIC else chosen)


class InOrder(ChangeList):
    """A list in its own order alone, whatever an address asks for."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Return the order of the table."""
        return list(self.lookup_opts.ordering or [])


class NewestPages(Paginator):
    """Pages of the newest rows: counting a whole log takes longer than reading one."""

    @cached_property
    def count(self) -> int:
        """How many rows can be leafed through."""
        return min(self._some, MOST_LISTED)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than that."""
        return self._some > MOST_LISTED

    @cached_property
    def _some(self) -> int:
        rows: Any = self.object_list
        return int(rows[: MOST_LISTED + 1].count())


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
                value = parse(term)
            except ValueError:
                continue
            wanted |= self.matching(request, name, value)
        return queryset.filter(wanted), False

    def matching(self, request: HttpRequest, name: str, value: Any) -> Q:
        """Say what a search for a value of a field keeps."""
        return Q((name, value))

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
