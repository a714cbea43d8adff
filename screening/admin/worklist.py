"""The worklist: what needs me, by when, and what to know before opening it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from milestones.clock import due_words
from screening.admin.worklist_choices import (
    Choice,
    Filter,
    Wanted,
    chosen,
    filters_for,
    read_wanted,
    views_for,
)
from screening.admin.worklist_counts import counts_of
from screening.admin.worklist_parts import groups_of
from screening.admin.worklist_rows import clinics_of, page_of_rows, seen_in
from screening.errors import ScreeningError
from screening.models import SavedView
from screening.services.saved_views import drop_view, keep_view


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """One link of a row of links or of a menu."""

    url: str
    words: str
    count: int
    is_current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Menu:
    """One filter, with its choices."""

    title: str
    chosen: str
    tabs: Sequence[Tab]


def worklist_view(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the rows of the view that was asked for; keep or drop one's own view."""
    user: Any = request.user
    if not user.has_perm("screening.view_review"):
        raise PermissionDenied
    clinics = clinics_of(user)
    views, filters = views_for(user), filters_for(user, clinics)
    wanted = read_wanted(request.GET.dict(), views, filters)
    if request.method == "POST":
        return _keep_or_drop(request, wanted)
    now = timezone.now()
    reviews = seen_in(clinics, user)
    counts = counts_of(reviews, wanted, views, filters, now)
    page = page_of_rows(
        reviews.filter(chosen(wanted, views, filters)),
        user,
        now,
        signed=wanted.view == "signed" and not wanted.search,
        cursor=request.GET.get("cursor", ""),
    )
    mine = list(user.saved_views.all())
    context |= {
        "title": "Worklist",
        "subtitle": None,
        "now": now,
        "lead": _lead(counts, page.reviews, now),
        "wanted": wanted,
        "tabs": _tabs(wanted, views, counts),
        "saved": _saved(wanted, mine),
        "current": next((view for view in mine if view.query == wanted.query), None),
        "menus": [_menu(each, wanted, counts) for each in filters],
        "filter_words": _filter_words(wanted, filters),
        "groups": groups_of(page.reviews, user, counts, now),
        "first": next(iter(page.reviews), None),
        "shown": len(page.reviews),
        "cursor": request.GET.get("cursor", ""),
        "following": page.following,
        "here": f"{_home()}?{wanted.query}",
    }
    return TemplateResponse(request, "admin/worklist.html", context)


def _home() -> str:
    return reverse("admin:index")


# --- Words ------------------------------


def _lead(counts: dict[str, int], reviews: Sequence[Any], now: Any) -> str:
    """Say in one sentence what needs the person."""
    count = counts["view:needs-me"]
    if not count:
        return "Nothing needs you."
    if count == 1:
        due = next((review.due_at for review in reviews if review.due_at), None)
        said = f"; it is due {due_words(due, now)}" if due and len(reviews) == 1 else ""
        return f"1 case needs you{said}."
    overdue, day = counts["lead:overdue"], counts["lead:day"]
    return (
        f"{count} cases need you: {_are(overdue)} overdue and {day} more {_due(day)}."
    )


def _are(count: int) -> str:
    return {0: "none is", 1: "1 is"}.get(count, f"{count} are")


def _due(count: int) -> str:
    return f"{'is' if count == 1 else 'are'} due within 24 hours"


def _filter_words(wanted: Wanted, filters: Sequence[Filter]) -> str:
    """Say what the list is narrowed to."""
    by_name = {each.name: each for each in filters}
    found = [
        f"{by_name[name].title}: {choice.words}"
        for name, value in wanted.filters
        if (choice := by_name[name].chosen(value))
    ]
    return ", ".join(found)


# --- Links ------------------------------


def _tabs(wanted: Wanted, views: Sequence[Choice], counts: dict[str, int]) -> list[Tab]:
    """Link to the views. An empty one is left out, unless it is looked at."""
    always = {"needs-me", "mine", "unclaimed", "overdue", "signed"}
    return [
        Tab(
            url=f"{_home()}?view={view.value}",
            words=view.words,
            count=counts[f"view:{view.value}"],
            is_current=wanted.view == view.value and not wanted.search,
        )
        for view in views
        if view.value in always
        or counts[f"view:{view.value}"]
        or view.value == wanted.view
    ]


def _saved(wanted: Wanted, mine: Sequence[SavedView]) -> list[Tab]:
    return [
        Tab(
            url=f"{_home()}?{view.query}",
            words=view.name,
            count=0,
            is_current=view.query == wanted.query,
        )
        for view in mine
    ]


def _menu(each: Filter, wanted: Wanted, counts: dict[str, int]) -> Menu:
    value = dict(wanted.filters).get(each.name, "")
    choice = each.chosen(value)
    offered = [("", each.any_words), *((one.value, one.words) for one in each.choices)]
    return Menu(
        title=each.title,
        chosen=choice.words if choice else "",
        tabs=[
            Tab(
                url=f"{_home()}?{wanted.having(each.name, one).query}",
                words=words,
                count=counts[f"{each.name}:{one}"],
                is_current=one == value,
            )
            for one, words in offered
        ],
    )


# --- Views of one's own ------------------------------


def _keep_or_drop(request: HttpRequest, wanted: Wanted) -> HttpResponse:
    user: Any = request.user
    name = request.POST.get("name", "")
    try:
        if "_drop" in request.POST:
            drop_view(user=user, name=name)
        else:
            keep_view(user=user, name=name, query=wanted.query)
    except ScreeningError as exc:
        messages.error(request, str(exc))
    else:
        done = "is no longer kept" if "_drop" in request.POST else "is kept"
        messages.success(request, f"The view “{name.strip()}” {done}.")
    return HttpResponseRedirect(f"{_home()}?{wanted.query}")
