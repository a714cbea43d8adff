"""The child on the page: what was reported, and nothing that anybody made of it.

The words that were matched to items are marked on request only: a second reader sees
the words alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.template.defaultfilters import linebreaksbr
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.pages import icon
from milestones.ages import (
    CORRECT_UNTIL_MONTHS,
    DAYS_PER_MONTH,
    PRETERM_BEFORE_WEEKS,
)
from milestones.checklist import DOMAINS, Item, items
from milestones.clock import Window, days_left, next_window
from milestones.evidence import Evidence
from milestones.matched import Match, matches
from screening.admin.charts import age_ruler
from screening.admin.parts import ANSWERED
from screening.admin.review_parts import age_words, day_of, evidence_of, when, who_words
from screening.models import Job

NOT_ASKED = ("dash", "no answer")
PARAGRAPH = re.compile(r"\S(?:[^\n]|\n(?!\s*\n))*")


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
    ruler: SafeString | str
    sent: SafeString
    words: SafeString | str
    has_matches: bool
    domains: list[Domain]
    checklist: str
    count: str
    has_lost_skill: bool
    has_concern: bool
    is_urgent: bool


def child_of(job: Job, *, marked: bool = False) -> Child:
    """Gather what a reader meets first; ``marked``: with what was matched in it."""
    payload, evidence = job.payload, evidence_of(job)
    flags = payload.get("flags") or {}
    given: dict[str, str] = payload.get("milestones") or {}
    answers = {item.key: "" for item in evidence.own} | given
    own = evidence.checklist_months
    words, has_matches = _words(payload.get("observations") or "", own, marked=marked)
    return Child(
        facts=_facts(job, evidence),
        ruler=_ruler(evidence),
        sent=format_html("{} by {}", when(job.created_at), who_words(job.client, {})),
        words=words,
        has_matches=has_matches,
        domains=_domains(answers),
        checklist=f"{age_words(own).removesuffix('s').replace(' ', '-')} checklist"
        if own
        else "Checklist",
        count=_counted(answers),
        has_lost_skill=bool(flags.get("lost_skill")),
        has_concern=bool(flags.get("parent_concern")),
        is_urgent=job.priority == "urgent",
    )


# --- Words ------------------------------


def corrected_words(months: float) -> str:
    """Put a corrected age into words: "17 months 2 weeks"."""
    weeks = int((months - int(months)) * DAYS_PER_MONTH // 7)
    more = {0: "", 1: " 1 week"}.get(weeks, f" {weeks} weeks")
    return f"{age_words(months)}{more}"


def _words(
    text: str, age: int | None, *, marked: bool
) -> tuple[SafeString | str, bool]:
    """Put a note into paragraphs, with the words marked that were matched."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = matches(text, age) if marked else []
    shown = format_html_join(
        "",
        "<p>{}</p>",
        (
            (_marked(text, piece.start(), piece.end(), found),)
            for piece in PARAGRAPH.finditer(text)
        ),
    )
    return shown, bool(found)


def _marked(text: str, start: int, end: int, found: Sequence[Match]) -> SafeString:
    """Escape one paragraph, with what was matched in it. No match is in two."""
    pieces: list[SafeString] = []
    for match in found:
        if start <= match.start < end:
            hit = format_html(
                '<span class="hit" title="{}">{}<span class="visually-hidden"> '
                "(matched, {})</span></span>",
                *(match.meaning, text[match.start : match.end], match.meaning),
            )
            pieces += [linebreaksbr(text[start : match.start]), hit]
            start = match.end
    pieces.append(linebreaksbr(text[start:end]))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


# --- Facts ------------------------------


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
        value, more = "Not corrected", "no longer" if late else _why_not(weeks)
    own = evidence.checklist_months
    return [
        Fact(label="Age", value=age_words(age), more=born),
        Fact(label="Corrected age", value=value, more=more),
        Fact(
            label="Checklist used",
            value=age_words(own) if own else "None",
            more="highest age reached" if own else _no_checklist(corrected),
        ),
        Fact(
            label="Screened",
            value=when(job.created_at),
            more=f"sent by {who_words(job.client, {})}",
        ),
        Fact(
            label="Caregiver",
            value=_said(flags, "parent_concern", "Worried", "Not worried", "Not said"),
            more=_said(
                flags,
                "lost_skill",
                "a skill was lost",
                "no skill lost",
                "loss not said",
            ),
        ),
        _next_screen(job, evidence),
    ]


def _why_not(weeks: int | None) -> str:
    return "" if weeks is None else "born at term"


def _no_checklist(corrected: float | None) -> str:
    if corrected is None:
        return "no age given"
    return "under 2 months" if corrected < 2 else "over 5 years 11 months"


def _said(flags: Mapping[str, Any], name: str, yes: str, no: str, unsaid: str) -> str:
    """Put a flag into words; one that was not given is not a no."""
    given = flags.get(name)
    return unsaid if given is None else yes if given else no


def next_screen(evidence: Evidence) -> Window | None:
    """Return the next screening of the schedule at the age when screened."""
    corrected = evidence.corrected_months
    return None if corrected is None else next_window(corrected)


def _next_screen(job: Job, evidence: Evidence) -> Fact:
    window, corrected = next_screen(evidence), evidence.corrected_months
    if window is None or corrected is None or evidence.age_months is None:
        more = "no age given" if corrected is None else "after the last of the schedule"
        return Fact(label="Next screen", value="None", more=more)
    screened = timezone.localdate(job.created_at)
    day = _day_at(window.months, screened, evidence)
    left = (day - timezone.localdate()).days
    if left > 0:
        soon = f"in {left} days" if left > 1 else "tomorrow"
        more = f"{window.months} months, {soon}"
        return Fact(label="Next screen", value=day_of(day), more=more)
    closes = screened + timedelta(days=days_left(window, corrected))
    more = f"{window.months} months, before {closes.day} {closes:%b}"
    return Fact(label="Next screen", value="Due now", more=more)


def _day_at(months: int, screened: date, evidence: Evidence) -> date:
    """Reckon when the child is that old; from 24 months on nothing is taken off."""
    assert evidence.age_months is not None
    assert evidence.corrected_months is not None
    is_corrected = months < CORRECT_UNTIL_MONTHS
    now = evidence.corrected_months if is_corrected else evidence.age_months
    return screened + timedelta(days=round((months - now) * DAYS_PER_MONTH))


def _ruler(evidence: Evidence) -> SafeString | str:
    if evidence.age_months is None or evidence.corrected_months is None:
        return ""
    window = next_screen(evidence)
    return age_ruler(
        age=evidence.age_months,
        corrected=evidence.corrected_months,
        checklist=evidence.checklist_months,
        following=window.months if window else None,
    )


# --- Checklist ------------------------------


def yes_by_domain(
    answers: Mapping[str, str], own: Iterable[Item]
) -> dict[str, tuple[int, int]]:
    """Count, domain by domain, the items answered "yes", and all that were asked."""
    every = {item.key: "" for item in own} | dict(answers)
    return {
        domain.name: (domain.met, len(domain.lines))
        for domain in _domains(every)
        if domain.lines
    }


def _domains(answers: Mapping[str, str]) -> list[Domain]:
    known = [item for key, item in items().items() if key in answers]
    columns = [
        _domain(name_of_domain(domain), found, answers)
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


def name_of_domain(domain: str) -> str:
    """Put the name of a domain into words: "Social and emotional"."""
    return domain.replace("_", " and ").capitalize()


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
