"""Safety flags: words of a diagnosis or a promise, which a clinician must see."""

from __future__ import annotations

from collections.abc import Collection

from screening.reports import Report


def unacknowledged(
    draft: Report, report: Report, acknowledged: Collection[str]
) -> tuple[str, ...]:
    """Name the kinds of flags that nobody has acknowledged, one each."""
    return ()
