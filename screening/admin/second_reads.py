"""A second read: given by another person who has seen no other view.

Its page shows what was reported and nothing that anybody made of it: no draft, no
rules, no risk, no name, no reason, and no way to any of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from audit.pages import icon
from milestones.ages import DAYS_PER_MONTH, PRETERM_BEFORE_WEEKS
from milestones.checklist import DOMAINS, Item, items
from milestones.clock import Window, next_window
from milestones.evidence import Evidence
from screening.admin.parts import ANSWERED
from screening.admin.review_forms import ViewForm
from screening.admin.review_parts import age_words, evidence_of, when
from screening.errors import ScreeningError
from screening.models import Job, Review
from screening.reports import lowers_refer
from screening.services.review import send_second_read

NOT_ASKED = ("dash", "no answer")


# --- Who must read without having seen ------------------------------


def has_second_read(review: Review) -> bool:
    """Say whether a second view was given."""
    return getattr(review, "second_read", None) is not None


def waits_for_second_read(review: Review) -> bool:
    """Say whether a second view is asked for and was not given yet."""
    needed = review.second_read_for or lowers_refer(review.job.risk, review.risk)
    is_open = review.state == Review.State.REQUIRES_REVIEW
    return bool(is_open and needed and not has_second_read(review))


def must_read_blind(review: Review, user: Any) -> bool:
    """Say whether the person could be the second reader, and must see nothing yet."""
    return (
        waits_for_second_read(review)
        and review.assignee_id not in {None, user.pk}
        and user.has_perm("screening.change_review")
    )


def page_of(review: Review) -> str:
    """Return where the second read of a review is given."""
    return reverse("admin:screening_review_second_read", args=[review.pk])


def second_read_view(
    request: HttpRequest, review: Review, context: dict[str, Any]
) -> HttpResponse:
    """Show what was reported; take a risk and why, once."""
    user: Any = request.user
    if not user.has_perm("screening.change_review"):
        raise PermissionDenied
    if not must_read_blind(review, user):
        return HttpResponseRedirect(
            reverse("admin:screening_review_change", args=[review.pk])
        )
    form = ViewForm(request.POST if request.method == "POST" else None)
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            send_second_read(review, user=user, **form.cleaned_data)
        except ScreeningError as exc:
            refused = str(exc)
        else:
            messages.success(request, "Your view is sent. You see all of it now.")
            return HttpResponseRedirect(
                reverse("admin:screening_review_change", args=[review.pk])
            )
    context |= {
        "title": f"Second read of case {review.job.case.case_id}",
        "subtitle": None,
        "case_id": review.job.case.case_id,
        "clinic": review.job.clinic.name,
        "child": child_of(review.job),
        "form": form,
        "refused": refused,
    }
    return TemplateResponse(request, "admin/screening/review/second_read.html", context)


# --- The child ------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One fact about the child or the screening."""

    label: str
    value: Any
    more: Any = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One item of the checklist, and what was answered."""

    kind: str
    sign: SafeString
    label: str
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Domain:
    """One column of the checklist."""

    name: str
    met: int
    lines: list[Answered]


@dataclass(frozen=True, kw_only=True, slots=True)
class Child:
    """What was reported of a child: nothing that a model or a person made of it."""

    facts: list[Fact]
    words: str
    domains: list[Domain]
    checklist: str
    count: str
    has_lost_skill: bool
    has_concern: bool
    is_urgent: bool


def corrected_words(months: float) -> str:
    """Put a corrected age into words: "17 months 2 weeks"."""
    weeks = int((months - int(months)) * DAYS_PER_MONTH // 7)
    more = {0: "", 1: " 1 week"}.get(weeks, f" {weeks} weeks")
    return f"{age_words(months)}{more}"


def child_of(job: Job) -> Child:
    """Gather what a reader meets first."""
    payload, evidence = job.payload, evidence_of(job)
    flags = payload.get("flags") or {}
    given: dict[str, str] = payload.get("milestones") or {}
    answers = {item.key: "" for item in evidence.own} | given
    own = evidence.checklist_months
    return Child(
        facts=_facts(job, evidence),
        words=payload.get("observations") or "",
        domains=_domains(answers),
        checklist=f"{age_words(own)[:-1].replace(' ', '-')} checklist"
        if own
        else "Checklist",
        count=_counted(answers),
        has_lost_skill=bool(flags.get("lost_skill")),
        has_concern=bool(flags.get("parent_concern")),
        is_urgent=job.priority == "urgent",
    )


def _facts(job: Job, evidence: Evidence) -> list[Fact]:
    flags = job.payload.get("flags") or {}
    weeks, age = evidence.gestational_weeks, evidence.age_months
    corrected = evidence.corrected_months
    born = "birth week not given" if weeks is None else f"born at {weeks} weeks"
    if corrected is None or age is None:
        value, more = "Not known", "no age given"
    elif corrected < age:
        taken = round((age - corrected) * DAYS_PER_MONTH / 7)
        value, more = corrected_words(corrected), f"{taken} weeks taken off"
    else:
        late = weeks is not None and weeks < PRETERM_BEFORE_WEEKS
        value, more = "Not corrected", "no longer" if late else ""
    own = evidence.checklist_months
    window = None if corrected is None else next_window(corrected)
    return [
        Fact(label="Age", value=age_words(age), more=born),
        Fact(label="Corrected age", value=value, more=more),
        Fact(
            label="Checklist used",
            value=age_words(own) if own else "None",
            more=f"{len(evidence.own)} items" if own else "none for this age",
        ),
        Fact(label="Screened", value=when(job.created_at)),
        Fact(
            label="Caregiver",
            value=_said(flags, "parent_concern", "Worried", "Not worried", "Not said"),
            more=_said(flags, "lost_skill", "a skill was lost", "no skill lost", ""),
        ),
        Fact(
            label="Next screen",
            value=f"{window.months} months" if window else "None",
            more=_open(window, corrected),
        ),
    ]


def _said(flags: Mapping[str, Any], name: str, yes: str, no: str, unsaid: str) -> str:
    """Put a flag into words; one that was not given is not a no."""
    given = flags.get(name)
    return unsaid if given is None else yes if given else no


def _open(window: Window | None, corrected: float | None) -> str:
    if window is None or corrected is None:
        return "after the last of the schedule" if corrected is not None else ""
    is_open = window.is_open(corrected)
    return f"{window.kind}, open now" if is_open else window.kind


def _domains(answers: Mapping[str, str]) -> list[Domain]:
    known = [item for key, item in items().items() if key in answers]
    columns = [
        _domain(domain.replace("_", " and ").capitalize(), found, answers)
        for domain in DOMAINS
        if (found := [item for item in known if item.domain == domain])
    ]
    unknown = [
        Item(key=key, age_months=0, domain="", label=key)
        for key in answers
        if key not in items()
    ]
    if unknown:
        columns.append(_domain("In no checklist", unknown, answers))
    return columns


def _domain(name: str, found: Iterable[Item], answers: Mapping[str, str]) -> Domain:
    lines = []
    for item in found:
        answer = answers[item.key]
        sign, words = ANSWERED.get(answer, NOT_ASKED)
        kind = answer if answer in ANSWERED else "unknown"
        line = Answered(kind=kind, sign=icon(sign), label=item.label, words=words)
        lines.append(line)
    return Domain(name=name, met=sum(x.kind == "yes" for x in lines), lines=lines)


def _counted(answers: Mapping[str, str]) -> str:
    """Say how many items were answered, and how."""
    found = [ANSWERED.get(answer, NOT_ASKED)[1] for answer in answers.values()]
    words = [words for _, words in (*ANSWERED.values(), NOT_ASKED)]
    parts = [f"{found.count(each)} {each}" for each in words if each in found]
    return f"{len(found)} items: {', '.join(parts)}" if found else "No answers"
