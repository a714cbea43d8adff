"""How many tasks of which priority are taken next. It decides, no more.

The more urgent goes first, always, but for a share that each lower priority has of all
that is taken: a flood of urgent tasks slows the others and never stops them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PRIORITIES = ("urgent", "high", "normal", "low")
SHARES = {"high": 0.15, "normal": 0.10, "low": 0.06}
"""Of all tasks taken, at least; what a priority does not use is the others'."""


@dataclass(kw_only=True, slots=True)
class Fairness:
    """What each priority is owed, in tasks."""

    owed: dict[str, float] = field(default_factory=lambda: dict.fromkeys(SHARES, 0.0))

    def reserved(self, free: int) -> dict[str, int]:
        """Return how many of ``free`` places are kept for whom, the lowest first."""
        left, found = free, {}
        for priority in reversed(PRIORITIES):
            places = min(int(self.owed.get(priority, 0.0)), left)
            if places:
                found[priority] = places
                left -= places
        return found

    def note(self, taken: Mapping[str, int]) -> None:
        """Count what was taken: it pays what was owed, and each is owed its share.

        A priority that left its place empty has nothing waiting, and saves up nothing.
        """
        total = sum(taken.values())
        for priority, share in SHARES.items():
            owed = self.owed[priority] - taken.get(priority, 0)
            self.owed[priority] = max(0.0, min(owed, 1.0) + share * total)

    def forget(self, priority: str) -> None:
        """Learn that nothing of a priority waits."""
        self.owed[priority] = 0.0
