"""The page on agreement: how often drafts and signed reports say the same."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from agreement.cells import LEAST
from agreement.findings import look_at
from agreement.groups import Shown, forest
from agreement.periods import CHOICES, STEPS, Period, in_words, period
from agreement.reading import (
    all_of,
    by_group,
    by_week,
    last_roll_up,
    tallies_seen_by,
    within,
)
from agreement.summary import cards, matrix
from agreement.timeline import STRETCHES, measures, over_time
from screening.admin.parts import risk_badge
from screening.admin.review_parts import when
from screening.models import Review
from screening.results import RISING
from screening.services.review import reviews_of

LATE = timedelta(hours=36)
"""After which a nightly run has been missed."""

MOST_CASES = 50


def agreement_view(request: HttpRequest) -> HttpResponse:
    """Show the figures of the chosen weeks, of the person's own clinics."""
    user: Any = request.user
    if not user.has_perm("agreement.view_tally"):
        raise PermissionDenied
    chosen = _period_of(request)
    seen = within(tallies_seen_by(user), chosen)
    weeks = by_week(seen)
    everything = all_of(weeks)
    last = last_roll_up()
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Agreement",
        "subtitle": None,
        "period": chosen,
        "periods": CHOICES.items(),
        "days": _days(chosen),
        "least": LEAST,
        "last": last,
        "last_run": when(last.ended_at) if last else "",
        "is_late": last is not None and timezone.now() - last.ended_at > LATE,
        "cases": everything.cases,
        "is_shown": everything.cases >= LEAST,
    }
    if context["is_shown"]:
        kinds = {kind: Shown(groups) for kind, groups in by_group(seen).items()}
        context |= {
            "cards": cards(everything),
            "stretch": STRETCHES[STEPS[chosen.weeks][0]],
            "charts": [
                over_time(weeks, chosen, measure) for measure in measures(chosen)
            ],
            "forest": forest(kinds, everything),
            "matrix": matrix(everything),
            "findings": look_at(
                everything, {kind: shown.compared() for kind, shown in kinds.items()}
            ),
        }
    return TemplateResponse(request, "admin/agreement.html", context)


def missed_view(request: HttpRequest) -> HttpResponse:
    """List the reports signed as Refer whose draft said something far lower."""
    user: Any = request.user
    if not user.has_perms(["agreement.view_tally", "screening.view_review"]):
        raise PermissionDenied
    chosen = _period_of(request)
    draft = request.GET.get("draft", "")
    if draft not in RISING:
        raise Http404
    found = _missed(reviews_of(user), draft, chosen)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Signed as Refer",
        "subtitle": None,
        "period": chosen,
        "days": _days(chosen),
        "most": MOST_CASES,
        "draft": risk_badge(draft),
        "rows": [
            (review, risk_badge(review.job.rules_risk), when(review.signed_off_at))
            for review in found[:MOST_CASES]
            if review.signed_off_at
        ],
    }
    return TemplateResponse(request, "agreement/missed.html", context)


def _missed(reviews: QuerySet[Review], draft: str, chosen: Period) -> QuerySet[Review]:
    begin, end = (
        timezone.make_aware(datetime.combine(day, time.min))
        for day in (chosen.first, chosen.last + timedelta(days=1))
    )
    return (
        reviews.filter(
            signature__signed_at__gte=begin,
            signature__signed_at__lt=end,
            risk="refer",
            job__model_risk=draft,
        )
        .select_related("signed_off_by")
        .order_by("-signature__signed_at", "-pk")
    )


def _period_of(request: HttpRequest) -> Period:
    asked = request.GET.get("weeks", "")
    weeks = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 3 else 0
    return period(weeks, today=timezone.localdate())


def _days(chosen: Period) -> str:
    """Write a period: "31 Aug to 22 Nov 2026"."""
    first, last = chosen.first, chosen.last
    year = f" {first.year}" if first.year != last.year else ""
    return f"{in_words(first)}{year} to {in_words(last)} {last.year}"
