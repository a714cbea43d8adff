"""Which weeks are looked at: whole ones, Monday to Sunday, up to the last Sunday."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

WEEK = timedelta(days=7)
USUAL = 12
CHOICES: Mapping[int, str] = {4: "4 weeks", 12: "12 weeks", 52: "1 year"}
STEPS: Mapping[int, tuple[int, int]] = {4: (1, 2), 12: (1, 2), 52: (4, 4)}
"""How many weeks a point covers: in the charts of all cases, and in that of refers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """So many whole weeks."""

    weeks: int
    first: date
    """The Monday that it begins with."""

    @property
    def last(self) -> date:
        """The Sunday that it ends with."""
        return self.first + self.weeks * WEEK - timedelta(days=1)

    def blocks(self, size: int) -> list[date]:
        """Return the Monday of each stretch of so many weeks."""
        return [self.first + n * WEEK for n in range(0, self.weeks, size)]

    def block_of(self, day: date, size: int) -> date:
        """Return the Monday of the stretch that a day lies in."""
        return self.first + ((day - self.first) // (size * WEEK)) * size * WEEK


def period(weeks: int, *, today: date) -> Period:
    """Return the last whole weeks before a day; an unknown number means twelve."""
    weeks = weeks if weeks in CHOICES else USUAL
    monday = today - timedelta(days=today.weekday())
    return Period(weeks=weeks, first=monday - weeks * WEEK)


def in_words(day: date) -> str:
    """Write a day as it stands under a chart: "31 Aug"."""
    return f"{day.day} {day:%b}"
