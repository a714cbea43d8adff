"""Which groups are too small to be shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

LEAST = 10
"""The fewest cases that are shown."""

Group = TypeVar("Group")


def too_small(
    counts: Mapping[Group, int], *, hidden: Collection[Group] = ()
) -> set[Group]:
    """Name the groups of a breakdown that are not shown.

    Those with fewer than ten cases are hidden, and those that are hidden already, by
    another count. Where exactly one would be hidden, the next smallest is hidden too:
    otherwise it is the total less all the others. One without any cases hides no
    other, since people know when a clinic was closed.
    """
    found = {
        group for group, number in counts.items() if number < LEAST or group in hidden
    }
    if sum(counts[group] > 0 or group in hidden for group in found) == 1:
        shown = [group for group in counts if group not in found]
        if shown:
            found.add(min(shown, key=lambda group: counts[group]))
    return found
