"""The auditor's pages on a case, on a person, and on a week."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_safe

from audit.actions import Action
from audit.models import Audit
from audit.reading import note_read
from audit.services import Event
from screening.admin.review_parts import when
from screening.admin.trail_rows import case_url, days_of, person_url, who
from screening.models import Clinic
from screening.services.sight import clinics_seen_by
from screening.services.trail import (
    KINDS,
    MOST,
    MOST_COUNTED,
    Looks,
    is_cut,
    looked_at,
    names_for,
    trail_of_actor,
    trail_of_case,
    who_looked,
)
from screening.services.weekly import (
    HOURS,
    Week,
    begin_of_week,
    may_see_log_ins,
    weeks_of,
)

RIGHT = "audit.view_audit"
LARGEST = 2**63 - 1
TABS = {
    "": "Everything",
    "looked": "Who looked",
    "done": "What was done",
    "refused": "Refusals",
}
TABS_OF_PERSON = {**TABS, "looked": "Looked at"}


@require_safe
def case_view(request: HttpRequest) -> HttpResponse:
    """Show what the log has of one case, and who looked at it."""
    user = _allowed(request)
    case_id = request.GET.get("case_id", "").strip()
    clinic, kind = request.GET.get("clinic", ""), _kind(request)
    clinics: list[Clinic] = []
    events: list[Audit] = []
    looks: list[Looks] = []
    if case_id and clinic:
        asked = {"clinic": clinic, "case_id": case_id}
        events = trail_of_case(user, **asked, kind=kind, before=_before(request))
        if kind == "looked":
            looks = who_looked(user, **asked, known=events)
        if events or (kind and trail_of_case(user, **asked, kind="", before=None)):
            _note(user, "audit_case", **asked)
    else:
        clinics = list(clinics_seen_by(user, Clinic.objects.order_by("name", "slug")))
    names = names_for(user, [*(e.actor for e in events), *(each.of for each in looks)])
    context = {
        "title": f"Audit of case {case_id}" if case_id else "Audit of a case",
        "clinics": clinics,
        "heading": f"{case_id}, {clinic}",
        "clinic": clinic,
        "case_id": case_id,
        "most": MOST_COUNTED if is_cut(looks) else 0,
        "looks": [(each, who(each.of, names), person_url(each.of)) for each in looks],
        "tabs": _tabs(TABS, lambda **more: case_url(clinic, case_id, **more), kind),
        **_listed(
            events, names, lambda **more: case_url(clinic, case_id, **more), kind
        ),
    }
    return _page(request, "audit/case.html", "case", context)


@require_safe
def person_view(request: HttpRequest) -> HttpResponse:
    """Show what the log has of one person, or of one key, day by day."""
    user = _allowed(request)
    actor, kind = request.GET.get("actor", "").strip(), _kind(request)
    actor = f"user:{actor}" if actor.isdecimal() else actor
    events: list[Audit] = []
    looks: list[Looks] = []
    if actor:
        events = trail_of_actor(user, actor=actor, kind=kind, before=_before(request))
        if kind == "looked":
            looks = looked_at(user, actor=actor)
    if events:
        _note(user, "audit_person", of=actor)
    names = names_for(user, [actor]) if actor else {}
    context = {
        "title": f"Audit of {who(actor, names)}" if actor else "Audit of a person",
        "actor": actor,
        "most": MOST_COUNTED if is_cut(looks) else 0,
        "looks": [(each, case_url(each.clinic, each.of)) for each in looks],
        "tabs": _tabs(TABS_OF_PERSON, lambda **more: person_url(actor, **more), kind),
        **_listed(events, names, lambda **more: person_url(actor, **more), kind),
    }
    return _page(request, "audit/person.html", "person", context)


@require_safe
def week_view(request: HttpRequest) -> HttpResponse:
    """Show what each person of the clinics did in the last seven days."""
    user = _allowed(request)
    after = min(_number(request, "after") or 0, 1_000_000)
    rows: list[Week] = weeks_of(user, after=after)
    context = {
        "title": "Activity of the week",
        "rows": [(row, person_url(row.actor)) for row in rows[:MOST]],
        "following": after + MOST if len(rows) > MOST else None,
        "begin": when(begin_of_week()),
        "hours": HOURS,
        "log_ins": may_see_log_ins(user),
    }
    return _page(request, "audit/week.html", "week", context)


# --- What they share ------------------------------------------------------------------


def _allowed(request: HttpRequest) -> Any:
    if not request.user.has_perm(RIGHT):
        raise PermissionDenied
    return request.user


def _page(
    request: HttpRequest, template: str, here: str, context: dict[str, Any]
) -> HttpResponse:
    site = {**admin.site.each_context(request), "subtitle": None, "here": here}
    return TemplateResponse(request, template, {**site, **context})


def _kind(request: HttpRequest) -> str:
    kind = request.GET.get("kind", "")
    return kind if kind in KINDS else ""


def _before(request: HttpRequest) -> int | None:
    return _number(request, "before")


def _number(request: HttpRequest, name: str) -> int | None:
    text = request.GET.get(name, "")
    is_number = text.isascii() and text.isdecimal() and len(text) < 20
    return min(int(text), LARGEST) if is_number else None


def _tabs(tabs: dict[str, str], url: Any, kind: str) -> list[tuple[str, str, bool]]:
    return [
        (words, url(kind=name) if name else url(), name == kind)
        for name, words in tabs.items()
    ]


def _listed(
    events: list[Audit], names: dict[str, str], url: Any, kind: str
) -> dict[str, Any]:
    shown = events[:MOST]
    narrowed = {"kind": kind} if kind else {}
    is_more = len(events) > MOST
    return {
        "days": days_of(shown, names),
        "number": len(shown),
        "actors": len({event.actor for event in shown}),
        "older": url(**narrowed, before=str(shown[-1].pk)) if is_more else "",
    }


def _note(
    user: Any, page: str, *, clinic: str = "", case_id: str = "", of: str = ""
) -> None:
    """Store that somebody read the trail: of a case that there is, or of a person."""
    detail = {"page": page, **({"of": of} if of else {})}
    event = Event(
        action=Action.PAGE_OPENED,
        actor=f"user:{user.pk}",
        clinic=clinic,
        case_id=case_id,
        detail=detail,
    )
    note_read(event)
