"""Which checklist a child is read against.

Ages are in months of 30.4375 days. A child born before 37 weeks is read at the age
corrected to a birth at 40 weeks, until 24 months after birth.
"""

from __future__ import annotations

from milestones.checklist import AGES

DAYS_PER_MONTH = 30.4375
TERM_WEEKS = 40
PRETERM_BEFORE_WEEKS = 37
CORRECT_UNTIL_MONTHS = 24
EARLIEST_BIRTH_WEEKS = 22
NO_CHECKLIST_FROM_MONTHS = 72


def corrected_months(age_months: float, gestational_weeks: float | None) -> float:
    """Return the age in months, less the weeks by which the child came early.

    The age is returned unchanged for a birth at term, for an unknown one, from 24
    months on, and for fewer than 22 weeks: no child is born then, and to correct for
    a slip of the pen would hide what the child does not do. Never below zero.
    """
    if (
        gestational_weeks is None
        or not EARLIEST_BIRTH_WEEKS <= gestational_weeks < PRETERM_BEFORE_WEEKS
        or age_months >= CORRECT_UNTIL_MONTHS
    ):
        return float(age_months)
    days_early = round((TERM_WEEKS - gestational_weeks) * 7)
    return max(0.0, (age_months * DAYS_PER_MONTH - days_early) / DAYS_PER_MONTH)


def checklist_age(corrected: float) -> int | None:
    """Return the highest checklist age at or below ``corrected`` months.

    None under 2 months and from 72 months on.
    """
    if corrected >= NO_CHECKLIST_FROM_MONTHS:
        return None
    return max((age for age in AGES if age <= corrected), default=None)


def previous_age(age: int) -> int | None:
    """Return the checklist age before ``age``; None before the first."""
    return max((earlier for earlier in AGES if earlier < age), default=None)
