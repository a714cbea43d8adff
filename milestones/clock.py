"""When a case must be signed, and when a child is due for a screening.

Moments are aware datetimes in any zone; what has passed between two of them is real
time, whatever the clocks on the wall did. Ages are in months of 30.4375 days.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Literal

from milestones.ages import DAYS_PER_MONTH
from milestones.wording.draft import MCHAT_AT_MONTHS, SCREEN_AT_MONTHS

Group = Literal["overdue", "day", "week", "later"]
ScreenKind = Literal["developmental", "autism"]

DAY = timedelta(days=1)
WEEK = timedelta(days=7)

# Defaults of this product, no clinical standard; a clinic may set its own.
DUE: Mapping[str, timedelta] = MappingProxyType(
    {
        "refer": timedelta(hours=24),
        "discuss": timedelta(days=3),
        "unclassified": timedelta(hours=24),
        "monitor": timedelta(days=7),
        "on_track": timedelta(days=14),
    }
)


# --- Until the signature ---


def due_at(
    risk: str,
    created_at: datetime,
    *,
    urgent: bool = False,
    rules: Mapping[str, timedelta] = DUE,
) -> datetime:
    """Return by when a case is to be signed, in UTC.

    ``created_at`` is the end of the job, when there is something to sign. What was
    sent as urgent waits no longer than a referral would.

    Raises:
        KeyError: ``rules`` do not have the risk.
    """
    allowed = min(rules[risk], rules["refer"]) if urgent else rules[risk]
    return _utc(created_at) + max(allowed, timedelta(0))


def share_used(created_at: datetime, due_at: datetime, now: datetime) -> float:
    """Return the share of the time that is used: 0 at the start, 1 when due, then more.

    Where no time was given all of it is used.
    """
    given = _utc(due_at) - _utc(created_at)
    used = _utc(now) - _utc(created_at)
    return max(used / given, 0.0) if given > timedelta(0) else 1.0


def group_of(due_at: datetime, now: datetime) -> Group:
    """Return where the worklist puts it: overdue from the due moment on.

    "day" is up to 24 hours ahead, "week" up to 7 days, by the hour and not by the
    calendar.
    """
    left = _utc(due_at) - _utc(now)
    if left <= timedelta(0):
        return "overdue"
    if left <= DAY:
        return "day"
    return "week" if left <= WEEK else "later"


def due_words(due_at: datetime, now: datetime) -> str:
    """Say how long is left, "in 6 h 05 min", or since when, "over by 2 h 35 min"."""
    left = _utc(due_at) - _utc(now)
    return f"in {span(left)}" if left > timedelta(0) else f"over by {span(-left)}"


def span(length: timedelta) -> str:
    """Put a length of time into two units at most, and never round it up.

    Under 1 hour "23 min", under 24 hours "6 h 05 min", under 7 days "1 d 17 h", then
    "13 days". Less than nothing is "0 min".
    """
    minutes = max(length, timedelta(0)) // timedelta(minutes=1)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if not hours:
        return f"{minute} min"
    if not days:
        return f"{hour} h {minute:02} min"
    return f"{days} d {hour} h" if days < 7 else f"{days} days"


def _utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise ValueError("A moment needs a time zone.")
    return moment.astimezone(UTC)


# --- Until a screening ---

OPENS_BEFORE_MONTHS = 1
CLOSES_AFTER_MONTHS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The time in which one screening of the AAP schedule is to be made."""

    months: int
    """The age on the schedule."""
    kind: ScreenKind
    opens_months: float
    closes_months: float
    """The first age at which it is too late."""

    def is_open(self, age_months: float) -> bool:
        """Say whether the screening can be made at this age."""
        return self.opens_months <= age_months < self.closes_months


def _window(months: int, kind: ScreenKind) -> Window:
    return Window(
        months=months,
        kind=kind,
        opens_months=months - OPENS_BEFORE_MONTHS,
        closes_months=months + CLOSES_AFTER_MONTHS,
    )


WINDOWS = tuple(
    sorted(
        (
            *(_window(months, "developmental") for months in SCREEN_AT_MONTHS),
            *(_window(months, "autism") for months in MCHAT_AT_MONTHS),
        ),
        key=lambda window: (window.months, window.kind != "developmental"),
    )
)
"""In order of age, at 18 months the general screening first.

The ages are those of the American Academy of Pediatrics (Pediatrics
2020;145(1):e20193449): a developmental screening at 9, 18 and 30 months, an
autism-specific one at 18 and 24 months. The schedule names visits and no windows; one
month before to three months after is our choice. It keeps the autism-specific ones
within the 16 to 30 months of the M-CHAT-R/F.

An age is the one that the checklists are read at, from `ages.corrected_months`: since
birth, or corrected for a birth before 37 weeks until 24 months. When correction stops
at 24 months the age jumps ahead, so an early-born child's window may close that day.
"""


def next_window(
    age_months: float, done: Collection[tuple[int, str]] = ()
) -> Window | None:
    """Return the first window that is open or to come; None after the last.

    ``age_months`` is corrected as for the checklists; ``done`` are the screenings made,
    as (months, kind). A window that closed unused does not come back.
    """
    for window in WINDOWS:
        is_done = (window.months, window.kind) in done
        if age_months < window.closes_months and not is_done:
            return window
    return None


def days_left(window: Window, age_months: float) -> int:
    """Return in how many days the window closes: 1 on the last day, 0 once closed.

    A day that has begun counts as one.
    """
    days = (window.closes_months - age_months) * DAYS_PER_MONTH
    return max(math.ceil(round(days, 6)), 0)


def closing_soon(window: Window, age_months: float, days: int = 14) -> bool:
    """Say whether an open window closes within so many days."""
    return window.is_open(age_months) and days_left(window, age_months) <= days
