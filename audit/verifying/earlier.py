"""Checkpoints against what earlier checks of the log counted, as the log itself tells.

Whether one that stood between two others is gone, the tree cannot say: its root is made
from the leaves all the same. But each check is an event, with the number it counted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, NamedTuple

from audit.actions import Action
from audit.models import Audit, Checkpoint
from audit.verifying.events import UNREADABLE
from audit.verifying.findings import Findings, Kind, found

AT_ONCE = 2000


class Counted(NamedTuple):
    """That so many checkpoints were stored, of the sizes from one to another."""

    begin: int
    size: int
    number: int


def check_counted(findings: Findings) -> None:
    """Find that fewer checkpoints are stored than a check has counted.

    All checks count, not the newest: whoever took one away may have told of a check.
    """
    told = _checks()
    if not told:
        return
    held = _numbers([edge for each in told for edge in (each.begin - 1, each.size)])
    for each in sorted(told, key=lambda each: each.size):
        missing = each.number - (held[each.size] - held[each.begin - 1])
        if missing > 0:
            findings.add(found(Kind.CHECKPOINT_MISSING, more=_said(each, missing)))


def _said(told: Counted, missing: int) -> str:
    return f"{missing} of {told.number} from {told.begin} to {told.size}"


def _checks() -> list[Counted]:
    """Return what was counted whenever the log was whole."""
    events = Audit.objects.filter(action=Action.AUDIT_VERIFIED).order_by("pk")
    try:
        details = list(events.values_list("detail", flat=True).iterator(AT_ONCE))
    except UNREADABLE:
        return []  # which one that is, is found at its place
    return [counted for detail in details if (counted := _counted(detail)) is not None]


def _counted(detail: Any) -> Counted | None:
    if not isinstance(detail, Mapping) or detail.get("whole") is not True:
        return None
    told = [detail.get(name) for name in ("from", "size", "checkpoints")]
    numbers = [each for each in told if type(each) is int]
    return Counted(*numbers) if len(numbers) == len(told) else None


def _numbers(edges: list[int]) -> dict[int, int]:
    """Return how many checkpoints are stored of at most each size, in one pass."""
    edges = sorted(set(edges))
    between = [0] * (len(edges) + 1)
    sizes = Checkpoint.objects.order_by("size").values_list("size", flat=True)
    for size in sizes.iterator(AT_ONCE):
        between[bisect_right(edges, size - 1)] += 1
    numbers, total = {}, 0
    for edge, number in zip(edges, between, strict=False):
        total += number
        numbers[edge] = total
    return numbers
