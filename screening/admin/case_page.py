"""What the page of an open case is made of: the draft, the report, what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.services import newest_of_job
from milestones.clock import span
from milestones.wording.reading import check_family_text, hard_sentences
from screening.admin.background import (
    MOST_EVENTS,
    earlier_of,
    happened,
    names_of,
    persons_in,
)
from screening.admin.child import child_of
from screening.admin.making import making_of
from screening.admin.parts import risk_badge
from screening.admin.review_forms import Box, ReviewForm, ViewForm, boxes_of
from screening.admin.review_pages import (
    common_of,
    may_write,
    report_in,
    texts_of,
)
from screening.admin.review_parts import (
    FIELDS,
    differences,
    due_clock,
    escalated_words,
    marked,
    name_of,
    paragraphs,
    rules_words,
    when,
)
from screening.admin.trail_rows import log_of
from screening.errors import ScreeningError
from screening.models import Reason, Review
from screening.reports import Report, Todo
from screening.safety import UNSAFE, flags_in, unsafe_for_family
from screening.services.escalation import supervisors_of
from screening.services.handing_over import blind_readers_for
from screening.services.sight import (
    has_second_read,
    may_decide,
    waits_for_second_read,
)
from screening.services.signing import draft_of, left_before_signing

ANCHORS = {
    "risk": "id_risk_0",
    "reason": "id_reason_code",
    "unsafe": "id_parent_text",
    "family": "id_family_approved",
    "second_read": "readers",
    "adjudication": "readers",
    "decided": "id_risk_0",
}
FIELD_WORDS = {
    "summary": "summary",
    "recommendations": "recommendations",
    "parent_text": "text for the family",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownFlag:
    """One safety flag, as its box shows it."""

    box: Box
    number: int
    at: SafeString | str
    by: str
    gone_from: str
    """Where the report no longer says it; empty while it does."""

    @property
    def ident(self) -> str:
        """Name its tick box."""
        return f"id_ack_{self.number}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilyCheck:
    """One thing looked at in the family text, and the sentences that fail it."""

    is_met: bool
    words: str
    sentences: Sequence[str] = ()


def case_context(
    review: Review,
    user: User,
    *,
    form: ReviewForm | None = None,
    decision: ViewForm | None = None,
    addendum: Any = None,
    refused: ScreeningError | None = None,
    restored: str = "",
) -> dict[str, Any]:
    """Gather what the page of an open case shows."""
    is_writable = may_write(review, user)
    typed = form if form is not None and not is_writable else None
    if is_writable and form is None:
        form = ReviewForm(review=review)
    now = timezone.now()
    draft, report = draft_of(review), report_in(review)
    decides = may_decide(review, user)
    waits = waits_for_second_read(review)
    events = newest_of_job(review.job_id, most=MOST_EVENTS)
    tickers = {entry["by"] for entry in review.acknowledged}
    names = names_of((persons_in(events) | tickers) - {user.pk})
    names[user.pk] = name_of(user)
    flags = shown_flags(review, draft, report, names, user)
    return {
        **common_of(review),
        "child": child_of(review.job, marked=True),
        "badge": risk_badge(review.job.risk, is_large=True),
        "draft": draft_texts(review, draft),
        "report": texts_of(report),
        "note": paragraphs(review.note),
        "changed": {
            row.field: row.is_changed and row.field != restored
            for row in differences(draft, report)
        },
        "form": form if is_writable else None,
        "typed": typed.data if typed is not None else None,
        "theirs": theirs(review, form) if refused and is_writable and form else {},
        "refused": refused,
        "restored": FIELDS.get(restored, ""),
        "problems": problems_of(form) if is_writable and not restored else [],
        "is_mine": review.assignee_id == user.pk,
        "is_open": True,
        "has_with": name_of(review.assignee),
        "claimed": when(review.claimed_at) if review.claimed_at else "",
        "due": due_clock(review, now, lead="Due ", more=_waiting(review, now)),
        "rules": rules_words(review.job),
        "flags": flags,
        "ticked": form.asked() if form else [],
        "family": family_checks(report),
        "left": anchored(left_before_signing(review), flags),
        "waits_for_reader": waits,
        "has_reader_left": waits and blind_readers_for(review).exists(),
        "read": review.second_read if has_second_read(review) else None,
        "decision": (decision or ViewForm(prefix="decision")) if decides else None,
        "may_sign": user.has_perm("screening.sign_off_review"),
        "saved": when(review.updated_at),
        "saved_ago": _ago(review.updated_at, now),
        "approved": (
            when(review.family_approved_at) if review.family_approved_at else ""
        ),
        "earlier": earlier_of(review),
        "making": making_of(review.job),
        "events": happened(events, review.job, names),
        "log": log_of(review.job, user),
    }


def _waiting(review: Review, now: datetime) -> SafeString:
    waited = span(max(now - review.created_at, timedelta(0)))
    if review.escalated_at is None:
        return format_html(" \u00b7 waiting {}", waited)
    supervisors = supervisors_of([review.clinic_id]).get(review.clinic_id, [])
    words = escalated_words(supervisors)
    return format_html(' \u00b7 waiting {}<span class="sub">{}</span>', waited, words)


def _ago(moment: datetime, now: datetime) -> str:
    gone = max(now - moment, timedelta(0))
    return "just now" if gone < timedelta(minutes=1) else f"{span(gone)} ago"


# --- The draft ------------------------------


def draft_texts(review: Review, draft: Report) -> dict[str, Any]:
    """Show the draft, with the phrases of its safety flags marked where they stand."""
    job = review.job
    phrases = {
        field: [flag.phrase for flag in flags_in(draft) if flag.field == field]
        for field in FIELD_WORDS
    }
    result = job.result or {}
    own = result.get("confidence")
    is_usable = not job.result_problems and job.result is not None
    return {
        "is_usable": is_usable,
        "problems": [code.replace("_", " ") for code in job.result_problems],
        "risk": risk_badge(job.model_risk, is_large=True),
        "summary": [marked(line, phrases["summary"]) for line in draft.summary],
        "recommendations": [
            marked(line, phrases["recommendations"]) for line in draft.recommendations
        ],
        "parent_text": marked(draft.parent_text, phrases["parent_text"]),
        "confidence": f"{own:.2f}" if is_usable and own is not None else "",
        "doubt": (result.get("uncertainty_reason") or "") if is_usable else "",
        "made_at": when(job.finished_at) if job.finished_at else "",
    }


def shown_flags(
    review: Review,
    draft: Report,
    report: Report,
    names: Mapping[int, str],
    user: User,
) -> dict[str, dict[str, list[ShownFlag]]]:
    """Put each safety flag at the field in which it stands, of the draft if it can be.

    The first key is ``draft`` or ``report``, the second the field.
    """
    in_draft = {flag.key for flag in flags_in(draft)}
    in_report = {flag.key for flag in flags_in(report)}
    found: dict[str, dict[str, list[ShownFlag]]] = {"draft": {}, "report": {}}
    for number, box in enumerate(boxes_of(review), 1):
        flag, entry = box.flag, box.entry
        side = "draft" if flag.key in in_draft else "report"
        is_gone = flag.key not in in_report
        by = entry["by"] if entry else None
        shown = ShownFlag(
            box=box,
            number=number,
            at=when(datetime.fromisoformat(entry["at"])) if entry else "",
            by="you" if by == user.pk else names.get(by, "") if by else "",
            gone_from=FIELD_WORDS[flag.field] if is_gone else "",
        )
        found[side].setdefault(flag.field, []).append(shown)
    return found


# --- The report ------------------------------


def anchored(
    left: Sequence[Todo], flags: Mapping[str, Mapping[str, Sequence[ShownFlag]]]
) -> list[tuple[Todo, str]]:
    """Say for each thing that is left where on the page it is done."""
    shown = [
        each
        for side in flags.values()
        for found in side.values()
        for each in found
        if each.box.entry is None
    ]
    boxes = iter(sorted(shown, key=lambda each: each.number))
    return [
        (todo, next(boxes).ident if todo.code == "flag" else ANCHORS[todo.code])
        for todo in left
    ]


def problems_of(form: ReviewForm | None) -> list[tuple[str, str, str]]:
    """List what is not right in a form: the field's name, what is said, and where."""
    if form is None or not form.is_bound:
        return []
    found = []
    for name, errors in form.errors.items():
        if name not in form.fields:
            continue
        field = form[name]
        where = "id_risk_0" if name == "risk" else field.id_for_label
        found.append((str(field.label), " ".join(map(str, errors)), where))
    return found


def family_checks(report: Report) -> list[FamilyCheck]:
    """Say how the family text reads, and which sentences must not stay as they are."""
    text = report.parent_text
    if not text:
        return []
    check, unsafe = check_family_text(text), unsafe_for_family(report)
    easy = "Hard to read" if check.too_hard else "Easy to read"
    words = " or ".join(unsafe or UNSAFE)
    hard = [found.sentence for found in hard_sentences(text)] if check.too_hard else []
    flagged = [
        flag.sentence for flag in flags_in(report) if flag.field == "parent_text"
    ]
    long = " of 250 at most" if check.too_long else ""
    return [
        FamilyCheck(
            is_met=not check.too_hard,
            words=f"{easy}: grade {max(check.grade, 1):.0f}",
            sentences=hard,
        ),
        FamilyCheck(is_met=not check.too_long, words=f"{check.words} words{long}"),
        FamilyCheck(
            is_met=not unsafe,
            words=f"{'Has' if unsafe else 'No'} {words} words",
            sentences=list(dict.fromkeys(flagged)),
        ),
    ]


def theirs(review: Review, form: ReviewForm) -> dict[str, Any]:
    """Return what is stored now in each field where something else was typed."""
    if not form.is_valid():
        return {}
    report = texts_of(report_in(review))
    stored: dict[str, SafeString | str] = {
        **{name: report[name] for name in FIELDS},
        "reason_code": Reason(review.reason_code).label if review.reason_code else "-",
        "reason_text": review.reason_text or "-",
        "note": review.note or "-",
    }
    return {name: stored[name] for name in form.changed()}
