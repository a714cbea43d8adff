"""The reviewers' admin site."""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

from django.contrib import admin
from django.contrib.admin.apps import AdminConfig
from django.contrib.admin.views.main import SEARCH_VAR
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.urls import path

LONGEST_SEARCH = 200
WORKED_WITH_FIRST = ["screening", "routing", "audit"]


class DeskSite(admin.AdminSite):
    """Django's own admin, under our name. ``templates/admin`` dresses it."""

    site_title = "PediScreen"
    site_header = "PediScreen"
    site_url = None  # there are no other pages
    index_title = "Review desk"
    enable_nav_sidebar = False

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Keep from every view what no database can look for."""
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            check_query(request)
            return guarded(request, *args, **kwargs)

        return update_wrapper(inner, guarded)

    def get_urls(self) -> list[Any]:
        """Add the page on all work to those of the models."""
        # Imported late: this module is loaded before there are models.
        from screening.admin.work import replay_view, work_view

        return [
            path("work/", self.admin_view(work_view), name="work"),
            path("work/replay/", self.admin_view(replay_view), name="work_replay"),
            *super().get_urls(),
        ]

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[Any]:
        """List what people work with first, then what is kept of it, then the rest."""
        first = {label: place for place, label in enumerate(WORKED_WITH_FIRST)}
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: first.get(app["app_label"], len(first)))


class DeskConfig(AdminConfig):
    """Make the desk the default admin site."""

    default_site = "pediscreen_site.admin_site.DeskSite"


def check_query(request: HttpRequest) -> None:
    """Refuse NUL, which PostgreSQL takes in no text, and shorten a long search.

    Each word of a search is another condition, and SQLite takes a thousand at most.
    The stock search form has an answer of its own to NUL.

    Raises:
        SuspiciousOperation: another part of the query holds NUL.
    """
    for name, values in request.GET.lists():
        if name != SEARCH_VAR and "\0" in "".join([name, *map(str, values)]):
            raise SuspiciousOperation("The query holds NUL.")
    if len(request.GET.get(SEARCH_VAR, "")) > LONGEST_SEARCH:
        query = request.GET.copy()
        query[SEARCH_VAR] = str(query[SEARCH_VAR])[:LONGEST_SEARCH]
        request.GET = query  # type: ignore[assignment]
