"""What one row of the worklist shows. Every text that came from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.pages import icon
from milestones.ages import CORRECT_UNTIL_MONTHS, PRETERM_BEFORE_WEEKS, corrected_months
from milestones.clock import group_of
from screening.admin.parts import risk_beside_draft, state_tag
from screening.admin.review_parts import (
    age_words,
    due_clock,
    escalated_words,
    name_of,
    waiting,
)
from screening.admin.second_reads import corrected_words, must_read_blind
from screening.admin.worklist_choices import LOW_CONFIDENCE, WINDOW_DAYS
from screening.admin.worklist_rows import GROUPS
from screening.models import Review, Risk
from screening.safety import flags_in
from screening.services.escalation import supervisors_of
from screening.services.sight import may_decide
from screening.services.signing import draft_of

HIDDEN = format_html(
    '<span class="risk risk-hidden">{} Hidden</span>'
    '<span class="sub">until you give your own view</span>',
    icon("blind"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One case, as the list shows it."""

    url: str
    case_id: str
    clinic: str
    due: SafeString | str
    risk: SafeString | str
    age: str
    corrected: str
    flags: SafeString | str
    waiting: SafeString | str
    with_whom: str
    may_claim: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Rows under one heading."""

    words: str
    count: int
    rows: Sequence[Row]


def groups_of(
    reviews: Sequence[Review], user: Any, counts: dict[str, int], now: datetime
) -> list[Group]:
    """Put the rows under the headings of their due times; signed ones under none."""
    rows: dict[str, list[Row]] = {name: [] for name in ("", *GROUPS)}
    escalated = {review.clinic_id for review in reviews if is_escalated(review)}
    supervisors = supervisors_of(escalated) if escalated else {}
    for review in reviews:
        is_open = review.state == Review.State.REQUIRES_REVIEW
        due = review.due_at
        name = (group_of(due, now) if due else "later") if is_open else ""
        row = row_of(review, user, now, supervisors.get(review.clinic_id, ()))
        rows[name].append(row)
    return [
        Group(
            words=GROUPS.get(name, ""),
            count=counts.get(f"group:{name}", 0),
            rows=found,
        )
        for name, found in rows.items()
        if found
    ]


def is_escalated(review: Review) -> bool:
    """Say whether a review was brought to the supervisors, and still waits."""
    is_open = review.state == Review.State.REQUIRES_REVIEW
    return is_open and review.escalated_at is not None


def row_of(
    review: Review, user: Any, now: datetime, supervisors: Sequence[Any] = ()
) -> Row:
    """Show one review; of one to be read blind, only what was reported."""
    is_open = review.state == Review.State.REQUIRES_REVIEW
    is_blind = must_read_blind(review, user)
    return Row(
        url=reverse("admin:screening_review_change", args=[review.pk]),
        case_id=review.job.case.case_id,
        clinic=review.clinic.name,
        due=due_clock(review, now) if is_open else state_tag(review),
        risk=HIDDEN if is_blind else risk_beside_draft(review.risk, review.draft_risk),
        age=age_words(review.age_months),
        corrected=_corrected(review),
        flags=_flags(
            review, supervisors, is_blind=is_blind, decides=may_decide(review, user)
        ),
        waiting=waiting(review, now) if is_open else "",
        with_whom=_with(review, user),
        may_claim=is_open
        and review.assignee_id is None
        and user.has_perm("screening.change_review"),
    )


def _corrected(review: Review) -> str:
    age, weeks = review.age_months, review.gestational_weeks
    if age is None:
        return ""
    if weeks is None:
        return "birth week not given"
    if weeks >= PRETERM_BEFORE_WEEKS:
        return "born at term"
    if age >= CORRECT_UNTIL_MONTHS:
        return "no longer corrected"
    return f"corrected {corrected_words(corrected_months(age, weeks))}"


def _with(review: Review, user: Any) -> str:
    if review.state != Review.State.REQUIRES_REVIEW:
        return review.signer_name
    if review.assignee_id == user.pk:
        return "You"
    return name_of(review.assignee) or "Nobody yet"


def _flags(
    review: Review, supervisors: Sequence[Any], *, is_blind: bool, decides: bool
) -> SafeString | str:
    """List what to know before the row is opened."""
    is_open = review.state == Review.State.REQUIRES_REVIEW
    found = [
        ("is-strong", "lost", "Lost a skill", review.has_lost_skill),
        ("", "concern", "Caregiver is worried", review.has_concern),
        ("", "urgent", "Sent as urgent", review.job.priority == "urgent"),
        ("", "blind", "Second read: give your own view first", is_blind),
        ("is-strong", "differ", "Two readers differ: decide", decides),
        *(() if is_blind else _of_draft(review)),
        ("", "letter", "Free text only, no checklist", review.is_text_only),
        *(_window(review) if is_open else ()),
        ("", "up", escalated_words(supervisors), is_escalated(review)),
    ]
    lines = [(kind, icon(sign), words) for kind, sign, words, is_so in found if is_so]
    if not lines:
        return format_html('<span class="quiet">{}</span>', "Nothing flagged")
    rows = format_html_join("", '<li class="{}">{}<span>{}</span></li>', lines)
    return format_html('<ul class="flags">{}</ul>', rows)


def _of_draft(review: Review) -> list[tuple[str, str, str, Any]]:
    """List what the draft alone gives away."""
    if review.draft_risk == Risk.UNCLASSIFIED:
        return [("", "warn", "The model's answer could not be used", True)]
    count = len(flags_in(draft_of(review)))
    unsafe = "1 safety flag" if count == 1 else f"{count} safety flags"
    confidence = review.confidence
    is_low = confidence is not None and confidence < LOW_CONFIDENCE
    return [
        (
            "",
            "differ",
            "Rules and draft differ",
            review.draft_risk != review.listed_risk,
        ),
        ("", "shield", unsafe, count),
        ("", "low", f"Low confidence, {confidence or 0:.2f}", is_low),
    ]


def _window(review: Review) -> list[tuple[str, str, str, Any]]:
    closes = review.window_closes_on
    if closes is None:
        return []
    left = (closes - timezone.localdate()).days
    days = "1 day left" if left == 1 else f"{left} days left"
    words = f"{review.window_months}-month screen: {days}"
    return [("", "calendar", words, 0 < left <= WINDOW_DAYS)]
