"""What the pages of a review show: the clock, the draft, the differences.

Every text that came from outside is escaped here or in the template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from difflib import SequenceMatcher
from typing import Any

from django.template.defaultfilters import linebreaks_filter
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString

from audit.pages import EMPTY
from milestones.clock import DAY, due_words, share_used, span
from milestones.evidence import Evidence, gather
from milestones.rules import decide
from screening.admin.charts import meter
from screening.admin.parts import counted, in_words, risk_badge
from screening.models import Job, Review
from screening.reports import WORDS, Report
from screening.results import RISING

FIELDS = {
    "risk": "Risk",
    "summary": "Summary",
    "recommendations": "Recommendations",
    "parent_text": "Text for the family",
}
PLACES = {"edge": "clinic server", "cloud": "cloud server"}
MOST_NAMED = 4
WORD = re.compile(r"\s+|\w+|[^\w\s]")


# --- Times and people ------------------------------


def when(moment: datetime) -> SafeString:
    """Show a moment as people say it: "today 16:20", "Thu 26 Nov, 11:00"."""
    local = timezone.localtime(moment)
    days = (local.date() - timezone.localdate()).days
    day = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(days, "")
    if not day:
        year = f" {local.year}" if local.year != timezone.localdate().year else ""
        day = f"{local:%a} {local.day} {local:%b}{year},"
    return format_html(
        '<time datetime="{}">{} {}</time>',
        local.isoformat(timespec="seconds"),
        day,
        f"{local:%H:%M}",
    )


def exactly(moment: datetime) -> SafeString:
    """Show the moment of a signature: in local time and in UTC, with seconds."""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}">{}</time> ({} UTC)',
        local.isoformat(timespec="seconds"),
        f"{local.day} {local:%B %Y, %H:%M:%S}",
        f"{moment.astimezone(UTC):%H:%M:%S}",
    )


def name_of(person: Any) -> str:
    """Name a person as on a signature."""
    return str(person.get_full_name() or person.get_username()) if person else ""


def escalated_words(supervisors: Sequence[Any]) -> str:
    """Say to whom an overdue review was brought: its clinic's supervisors, by name."""
    if not supervisors:
        return "Escalated, but the clinic has no supervisor"
    names = [name_of(person) for person in supervisors[:MOST_NAMED]]
    if len(supervisors) > MOST_NAMED:
        names.append(f"{len(supervisors) - MOST_NAMED} more")
    *others, last = names
    return f"Escalated to {', '.join(others)}{' and ' if others else ''}{last}"


def day_of(day: date) -> str:
    """Put a day into words: "10 Dec 2026"."""
    return f"{day.day} {day:%b %Y}"


def who_words(actor: str, names: Mapping[int, str]) -> str:
    """Say who did something: a person by name, a machine or a key by its code."""
    kind, _, code = actor.partition(":")
    if kind == "user":
        known = names.get(int(code)) if code.isdecimal() else None
        return known or f"person {code}"
    return f"{kind} {code}".strip()


def due_clock(
    review: Review,
    now: datetime,
    *,
    lead: str = "",
    more: SafeString | str = "",
) -> SafeString | str:
    """Show how much of the time is used, and in words what is left of it."""
    due = review.due_at
    if due is None:
        return format_html("No due time{}", more)
    share = share_used(review.created_at, due, now)
    kind, ring = (
        "",
        format_html(
            '<circle class="ring-used" cx="12" cy="12" r="9" pathLength="100" '
            'stroke-dasharray="{} 100" transform="rotate(-90 12 12)"/>',
            round(min(share, 1.0) * 100),
        ),
    )
    if due <= now:
        kind = "is-overdue"
        ring = format_html(
            '<circle class="ring-full" cx="12" cy="12" r="11"/>'
            '<path class="ring-bang" d="{}"/>',
            "M12 6.5v7M12 17v.2",
        )
    elif due - now <= DAY:
        kind = "is-soon"
    return format_html(
        '<div class="due {}"><svg class="ring" viewBox="0 0 24 24" aria-hidden="true">'
        '<circle class="ring-back" cx="12" cy="12" r="9"/>{}</svg>'
        '<span><span class="strong">{}</span><span class="sub">{}{}</span></span>'
        "</div>",
        kind,
        ring,
        f"{lead if due > now else ''}{due_words(due, now)}",
        when(due),
        more,
    )


def waiting(review: Review, now: datetime) -> SafeString:
    """Show for how long a review has waited, and since when."""
    return format_html(
        '{}<span class="sub">{}</span>',
        span(max(now - review.created_at, timedelta(0))),
        when(review.created_at),
    )


def age_words(months: int | float | None) -> str:
    """Put an age into words: "20 months", from 36 months "3 y 6 m" or "4 years"."""
    if not isinstance(months, int | float):
        return "Not given"
    whole = int(months)
    years, rest = divmod(whole, 12)
    if whole >= 36:
        return f"{years} y {rest} m" if rest else f"{years} years"
    return "1 month" if whole == 1 else f"{whole} months"


# --- The draft, and what the rules say ------------------------------


def evidence_of(job: Job) -> Evidence:
    """Set what was reported against the checklists for the child's age."""
    payload = job.payload
    return gather(
        age_months=payload.get("age_months"),
        gestational_weeks=payload.get("gestational_weeks"),
        answers=payload.get("milestones") or {},
        flags=payload.get("flags") or {},
        observations=payload.get("observations") or "",
    )


def made_of(job: Job) -> dict[str, str]:
    """Say how the draft was made: model, adapter, prompt and where."""
    result = job.result or {}
    tries = [
        one
        for way in job.route
        if isinstance(way, dict)
        for one in way.get("tries") or []
        if isinstance(one, dict)
    ]
    prompt = tries[-1].get("prompt") if tries else None
    adapter = result.get("adapter_id")
    found = {
        "Model": job.model_id or "a model without a name",
        "Adapter": adapter if isinstance(adapter, str) else "",
        "Prompt": str(prompt or ""),
        "Made on": PLACES.get(job.target, job.target),
    }
    return {name: value for name, value in found.items() if value}


def evidence_lines(job: Job) -> list[tuple[str, SafeString | str, str]]:
    """List what the draft rests on, each piece with its weight if it has one."""
    if job.result_problems or not job.result:
        return []
    return [
        (in_words(counted(piece["detail"])), *_weight(piece.get("score")))
        for piece in job.result.get("explainability") or []
    ]


def _weight(score: float | None) -> tuple[SafeString | str, str]:
    """Show a weight as a bar and as a number; the bar ends at 0 and at 1."""
    return ("", "") if score is None else (meter(score), f"{score:.2f}")


def rules_words(job: Job) -> tuple[str, str]:
    """Say what the reference rules say, first in short, then why."""
    said, evidence = job.rules_risk, evidence_of(job)
    if said not in RISING:
        return "The reference rules say nothing here.", ""
    risk, reason = decide(evidence)
    why = ""
    if risk == said:
        missed = [f"\u201c{item.label}\u201d" for item in evidence.missed()]
        items = (
            f" ({', '.join(missed)})" if missed and len(missed) <= MOST_NAMED else ""
        )
        why = f"{reason[0].upper()}{reason[1:]}{items}."
    if said == job.model_risk:
        return "The reference rules say the same.", why
    if job.model_risk in RISING and RISING.index(said) < RISING.index(job.model_risk):
        return f"The reference rules say {WORDS[said]}.", why
    more = "The rules can raise a case, never lower it."
    if said == "refer":
        more += " Signing Discuss or lower would need a second reader."
    return f"The reference rules say {WORDS[said]}.", f"{why} {more}".strip()


def marked(text: str, phrases: Iterable[str]) -> SafeString:
    """Escape a text, and mark the phrases of safety flags in it."""
    found = sorted({phrase for phrase in phrases if phrase}, key=len, reverse=True)
    if not found:
        return escape(text)
    pattern = re.compile(f"({'|'.join(map(re.escape, found))})", re.IGNORECASE)
    pieces = pattern.split(text)
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<mark>{}</mark>", piece) if n % 2 else piece,)
            for n, piece in enumerate(pieces)
        ),
    )


# --- Differences ------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One field of the report beside that of the draft."""

    field: str
    name: str
    is_changed: bool
    before: SafeString | str
    after: SafeString | str


def differences(draft: Report, report: Report) -> list[Difference]:
    """Compare field by field, with what was removed and what was added."""
    found = []
    for field, name in FIELDS.items():
        old, new = getattr(draft, field), getattr(report, field)
        if field == "risk":
            before, after = risk_badge(old), risk_badge(new)
        elif isinstance(old, str):
            before, after = _beside(old, new)
        else:
            before, after = _lists_beside(old, new)
        found.append(
            Difference(
                field=field,
                name=name,
                is_changed=old != new,
                before=before,
                after=after,
            )
        )
    return found


def _beside(old: str, new: str) -> tuple[SafeString | str, SafeString | str]:
    """Compare two texts word by word; texts with little in common, as a whole."""
    a, b = WORD.findall(old), WORD.findall(new)
    match = SequenceMatcher(None, a, b, autojunk=False)
    if old and new and (len(a) * len(b) > 250_000 or match.ratio() < 0.4):
        return _del(old), _ins(new)
    before, after = [], []
    for step, i1, i2, j1, j2 in match.get_opcodes():
        was, now = "".join(a[i1:i2]), "".join(b[j1:j2])
        before.append(was if step == "equal" else _del(was))
        after.append(now if step == "equal" else _ins(now))
    return _joined(before) or EMPTY, _joined(after) or EMPTY


def _lists_beside(
    old: Sequence[str], new: Sequence[str]
) -> tuple[SafeString | str, SafeString | str]:
    """Compare two lists, point by point, and in changed points word by word."""
    before: list[SafeString | str] = []
    after: list[SafeString | str] = []
    match = SequenceMatcher(None, old, new, autojunk=False)
    for step, i1, i2, j1, j2 in match.get_opcodes():
        if step == "equal":
            before += old[i1:i2]
            after += new[j1:j2]
            continue
        pairs = min(i2 - i1, j2 - j1)
        for n in range(pairs):
            was, now = _beside(old[i1 + n], new[j1 + n])
            before.append(was)
            after.append(now)
        before += [_del(text) for text in old[i1 + pairs : i2]]
        after += [_ins(text) for text in new[j1 + pairs : j2]]
    return _points(before), _points(after)


def _points(lines: Sequence[SafeString | str]) -> SafeString | str:
    if not lines:
        return EMPTY
    rows = format_html_join("", "<li>{}</li>", ((line,) for line in lines))
    return format_html('<ul class="points">{}</ul>', rows)


def _joined(pieces: Iterable[SafeString | str]) -> SafeString:
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _del(text: str) -> SafeString | str:
    if not text.strip():
        return text
    return format_html(
        '<del><span class="visually-hidden">removed: </span>{}</del>', text
    )


def _ins(text: str) -> SafeString | str:
    if not text.strip():
        return text
    return format_html(
        '<ins><span class="visually-hidden">added: </span>{}</ins>', text
    )


def paragraphs(text: str) -> SafeString:
    """Show a text as it was written, escaped, in paragraphs."""
    written = linebreaks_filter(text)
    return format_html("{}", written)
