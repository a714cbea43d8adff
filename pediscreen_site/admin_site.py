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

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add what is wrong now to what every page is told."""
        from pediscreen_site.notices import notices_for

        context = super().each_context(request)
        if context["has_permission"]:
            context["notices"] = notices_for(request.user)
        return context

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Begin with what needs the person; without reviews, with the list of pages."""
        from screening.admin.worklist import worklist_view

        if not request.user.has_perm("screening.view_review"):
            return super().index(request, extra_context)
        return worklist_view(request, self.each_context(request))

    def pages(self, request: HttpRequest) -> Any:
        """List every page that the person may open."""
        return super().index(request, {"title": "All pages"})

    def get_urls(self) -> list[Any]:
        """Add the pages on all work and on agreement to those of the models."""
        # Imported late: this module is loaded before there are models.
        from agreement.pages import agreement_view, missed_view
        from audit.desk import log_view
        from people.pages import urls_of
        from screening.admin.trail_pages import case_view, person_view, week_view
        from screening.admin.work import replay_view, work_view

        return [
            path("agreement/", self.admin_view(agreement_view), name="agreement"),
            path(
                "agreement/missed/",
                self.admin_view(missed_view),
                name="agreement_missed",
            ),
            path("audit/case/", self.admin_view(case_view), name="audit_case"),
            path("audit/person/", self.admin_view(person_view), name="audit_person"),
            path("audit/week/", self.admin_view(week_view), name="audit_week"),
            path("audit/log/", self.admin_view(log_view), name="audit_log"),
            *urls_of(self),
            path("pages/", self.admin_view(self.pages), name="pages"),
            path("work/", self.admin_view(work_view), name="work"),
            path("work/replay/", self.admin_view(replay_view), name="work_replay"),
            *super().get_urls(),
        ]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Take name, password and code on one page."""
        from people.pages import log_in

        return log_in(request, self, extra_context or {})

    def logout(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Log out, and write it down."""
        from people.pages import log_out

        stock = super().logout
        return log_out(request, lambda: stock(request, extra_context))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Change the own password, and write it down."""
        from people.pages import own_password_changed

        stock = super().password_change
        return own_password_changed(request, lambda: stock(request, extra_context))

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
