"""Events in words: what happened, who did it, and where its proof is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from audit import meaning
from audit.models import Audit
from audit.pages import icon
from screening.admin.background import ACTIONS, BAD, SIGNS
from screening.models import Job
from screening.services.trail import address_in, role_in

LONGEST = 40
"""Whatever is longer in a detail is a digest or a commitment: see the event's page."""

GOOD = {"review.signed", "review.delivered", "review.added_to"}
SIGN_OF = {"C": "up", "R": "eye", "U": "pencil", "D": "dash", "E": "check"}
SIGN_OF_ACTION = {
    "review.signed": "seal",
    "review.delivered": "check",
    "evidence.exported": "download",
    "list.exported": "download",
    "audit.exported": "download",
    "audit.proven": "seal",
    "audit.verified": "shield",
    "login.succeeded": "key",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One event, as people say it."""

    kind: str
    sign: SafeString
    at: SafeString
    words: str
    more: str
    who: str
    who_url: str
    role: str
    address: str
    case_id: str
    case_url: str
    place: int | None
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """The events of one day."""

    name: str
    rows: list[Row]


def days_of(events: Iterable[Audit], names: Mapping[str, str]) -> list[Day]:
    """Put events into words, day by day."""
    by_day = groupby(events, key=lambda event: timezone.localdate(event.occurred_at))
    return [
        Day(
            name=f"{day:%A} {day.day} {day:%B %Y}",
            rows=[row_of(event, names) for event in each],
        )
        for day, each in by_day
    ]


def row_of(event: Any, names: Mapping[str, str]) -> Row:
    """Put one event into words; it has its place in the tree with it."""
    sign, words = _said(event)
    kind = "is-person" if event.actor.startswith("user:") else ""
    if event.action in GOOD:
        kind = "is-ok"
    elif meaning.outcome(event.action) != "success" or sign in BAD:
        kind = "is-bad"
    return Row(
        kind=kind,
        sign=icon(sign),
        at=time_of(event.occurred_at),
        words=words,
        more=", ".join(_detail(event.detail)),
        who=who(event.actor, names),
        who_url=person_url(event.actor),
        role=role_in(event.canonical),
        address=address_in(event.canonical),
        case_id=event.case_id,
        case_url=case_url(event.clinic, event.case_id),
        place=event.place,
        url=reverse("admin:audit_audit_change", args=[event.pk]),
    )


def who(actor: str, names: Mapping[str, str]) -> str:
    """Say who did something: by name, where it may be known."""
    kind, _, code = actor.partition(":")
    if actor in names:
        return names[actor]
    return f"person {code}" if kind == "user" else f"{kind} {code}".strip()


def time_of(moment: datetime) -> SafeString:
    """Show the time of day, with seconds."""
    local = timezone.localtime(moment)
    written = local.isoformat(timespec="seconds")
    return format_html('<time datetime="{}">{}</time>', written, f"{local:%H:%M:%S}")


def case_url(clinic: str, case_id: str, **more: str) -> str:
    """Return where the trail of a case is; empty for what is of no case."""
    if not case_id:
        return ""
    query = urlencode({"clinic": clinic, "case_id": case_id, **more})
    return f"{reverse('admin:audit_case')}?{query}"


def log_of(job: Job, user: Any) -> str:
    """Return where the trail of a job's case is, for who may see it."""
    may = user.has_perm("audit.view_audit")
    return case_url(job.clinic.slug, job.case.case_id) if may else ""


def person_url(actor: str, **more: str) -> str:
    """Return where the trail of a person or a key is."""
    return f"{reverse('admin:audit_person')}?{urlencode({'actor': actor, **more})}"


def _said(event: Audit) -> tuple[str, str]:
    action = ACTIONS.get(event.action)
    if action in SIGNS:
        return SIGNS[action]
    sign = SIGN_OF_ACTION.get(event.action, SIGN_OF[meaning.operation(event.action)])
    if meaning.outcome(event.action) != "success":
        sign = "stop"
    return sign, event.get_action_display()


def _detail(detail: Mapping[str, Any]) -> Iterator[str]:
    for key, value in detail.items():
        if key == "page":
            value = str(value).replace("_", " ")
        if isinstance(value, bool):
            value = "yes" if value else "no"
        if isinstance(value, str | int) and 0 < len(str(value)) < LONGEST:
            yield f"{key.replace('_', ' ')} {value}"
