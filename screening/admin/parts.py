"""How cases, jobs and reviews are shown: risks, states, checklists.

Every text that came from outside is escaped here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.pages import EMPTY, icon, tag
from milestones.checklist import DOMAINS, Item, items
from screening.models import Job, Review, Risk

ANSWERED = {
    "yes": ("check", "yes"),
    "not_yet": ("cross", "not yet"),
    "not_sure": ("question", "not sure"),
}
MILESTONE_KEY = re.compile(r"\b[0-9]+m\.[a-z_]+\.[a-z0-9_]+")
MANY_KEYS = re.compile(rf"{MILESTONE_KEY.pattern}(?:, {MILESTONE_KEY.pattern}){{5,}}")
NO_ANSWER = ("dash", "unknown answer")
STATUS_TAGS = {
    Job.Status.PENDING: ("wait", ""),
    Job.Status.RUNNING: ("machine", ""),
    Job.Status.DONE: ("check", "is-ok"),
    Job.Status.FAILED: ("stop", "is-bad"),
    Job.Status.CANCELLED: ("dash", ""),
}
STATE_TAGS = {
    Review.State.REQUIRES_REVIEW: ("pencil", "is-warn"),
    Review.State.SIGNED_OFF: ("lock", "is-ok"),
    Review.State.DELIVERED: ("check", "is-ok"),
}


def risk_badge(
    value: str, *, second_line: str = "", is_large: bool = False
) -> SafeString | str:
    """Show a risk as shape, word and colour; the colour alone says nothing."""
    if value not in Risk.values:
        return value or EMPTY
    risk = Risk(value)
    badge = format_html(
        '<span class="risk risk-{}{}">{} {}</span>',
        risk.value,
        " risk-large" if is_large else "",
        icon(risk.value),
        risk.label,
    )
    if not second_line:
        return badge
    return format_html('{}<span class="sub">{}</span>', badge, second_line)


def risk_beside_draft(value: str, draft: str) -> SafeString | str:
    """Show a risk, and below it what the draft says, where that is another."""
    if draft == value or draft not in Risk.values:
        return risk_badge(value)
    return risk_badge(value, second_line=f"draft says {Risk(draft).label.lower()}")


def status_tag(job: Job) -> SafeString:
    """Show how far the machine has got, and the code of what stopped it."""
    name, kind = STATUS_TAGS[Job.Status(job.status)]
    shown = tag(name, kind, job.get_status_display())
    if not job.error_code:
        return shown
    return format_html('{}<span class="sub">{}</span>', shown, job.error_code)


def state_tag(review: Review) -> SafeString:
    """Show how far the clinician has got."""
    name, kind = STATE_TAGS[Review.State(review.state)]
    return tag(name, kind, review.get_state_display())


def in_words(text: str) -> str:
    """Put the items' own words where a text names them by their keys."""
    known = items()
    return MILESTONE_KEY.sub(
        lambda found: known[found[0]].label if found[0] in known else found[0], text
    )


def counted(text: str) -> str:
    """Count the items where more than five are named in a row.

    For what stands beside the checklist, which has each of them.
    """
    return MANY_KEYS.sub(lambda found: f"{found[0].count(', ') + 1} items", text)


def checklist(answers: Mapping[str, str]) -> SafeString:
    """Show checklist answers in the order of the checklist, domain by domain."""
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
    return format_html(
        '<div class="domains">{}</div>', format_html_join("", "{}", zip(columns))
    )


def _domain(name: str, found: Iterable[Item], answers: Mapping[str, str]) -> SafeString:
    lines = []
    for item in found:
        answer = answers[item.key]
        shape, words = ANSWERED.get(answer, NO_ANSWER)
        seen = "visually-hidden" if answer == "yes" else "answer"
        kind = answer if answer in ANSWERED else "unknown"
        lines.append((kind, icon(shape), item.label, seen, words))
    met = sum(line[0] == "yes" for line in lines)
    return format_html(
        '<div class="domain"><h3>{} <span class="num">{} of {}</span></h3>'
        '<ul class="answers">{}</ul></div>',
        name,
        met,
        len(lines),
        format_html_join(
            "",
            '<li class="is-{}">{}<span>{} <span class="{}">{}</span></span></li>',
            lines,
        ),
    )
