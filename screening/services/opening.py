"""Opening a review: a copy of the draft, its due time, what a list shows of it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from milestones.ages import corrected_months
from milestones.clock import DUE, days_left, next_window
from screening.models import Clinic, Job, Review
from screening.outcomes import Outcome

NO_WINDOW = {"window_months": None, "window_closes_on": None}


def open_review(outcome: Outcome, risk: str, *, ended_at: datetime) -> dict[str, Any]:
    """List what the clinician's side begins with: a copy of the draft, if it is usable.

    All other columns of a `Review` are left to their defaults in the database. It is
    due so long after the job's end, by the database's clock.
    """
    assert outcome.result is not None
    job, result = outcome.job, outcome.result
    usable = result.raw if not result.problems else {}
    return {
        "job": job.pk,
        "clinic": job.clinic_id,
        "state": Review.State.REQUIRES_REVIEW,
        "due_at": ended_at + due_within(job, risk),
        "risk": risk,
        "summary": usable.get("summary", []),
        "recommendations": usable.get("recommendations", []),
        "parent_text": usable.get("parent_text") or "",
        "second_read_for": _second_read_for(usable),
        "listed_risk": risk,
        "draft_risk": result.risk,
        "confidence": usable.get("confidence"),
        **NO_WINDOW,
        **facts_of(job),
    }


def due_within(job: Job, risk: str) -> timedelta:
    """How long a review may take; what was sent as urgent no longer than a refer.

    A clinic's own hours stand before the product's.
    """
    usual = _hours_of(job.clinic, risk)
    if job.priority == "urgent":
        return min(usual, _hours_of(job.clinic, "refer"))
    return usual


def facts_of(job: Job) -> dict[str, Any]:
    """List what a list shows of a child without reading anybody's words."""
    payload = job.payload
    flags = payload.get("flags") or {}
    age, weeks = payload.get("age_months"), payload.get("gestational_weeks")
    has_words = bool((payload.get("observations") or "").strip())
    return {
        "age_months": age,
        "gestational_weeks": weeks,
        "has_lost_skill": flags.get("lost_skill") is True,
        "has_concern": flags.get("parent_concern") is True,
        "is_text_only": has_words and not payload.get("milestones"),
        **_window(job, age, weeks),
    }


def _window(job: Job, age: int | None, weeks: int | None) -> dict[str, Any]:
    """Name the screening window that is open, and the first day after it."""
    if age is None:
        return {}
    corrected = corrected_months(age, weeks)
    window = next_window(corrected)
    if window is None or not window.is_open(corrected):
        return {}
    screened = timezone.localdate(job.created_at)
    return {
        "window_months": window.months,
        "window_closes_on": screened + timedelta(days=days_left(window, corrected)),
    }


def _hours_of(clinic: Clinic, risk: str) -> timedelta:
    hours = {
        "refer": clinic.refer_hours,
        "unclassified": clinic.refer_hours,
        "discuss": clinic.discuss_hours,
        "monitor": clinic.monitor_hours,
        "on_track": clinic.on_track_hours,
    }[risk]
    return DUE[risk] if hours is None else timedelta(hours=hours)


def _second_read_for(draft: dict[str, Any]) -> str:
    """Say why a second person is to read the case too; nothing if none is.

    Where there is no usable draft the clinician's view rests on no machine's, and a
    refer that is lowered is seen when it is signed.
    """
    confidence = draft.get("confidence")
    if confidence is not None and confidence < settings.SECOND_READ_CONFIDENCE:
        return "low_confidence"
    drawn = random.random() < settings.SECOND_READ_SHARE  # noqa: S311 - no secret
    return "drawn" if drawn else ""
