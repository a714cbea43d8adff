"""How long a door stays closed after wrong tries. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST_SECONDS = 60
LONGEST_SECONDS = 3600
FORGOTTEN_AFTER = timedelta(days=1)


def counted(failures: int, *, failed_at: datetime, now: datetime) -> int:
    """Return how many wrong tries still count: none after a day without one."""
    return 0 if now - failed_at >= FORGOTTEN_AFTER else failures


def closed_seconds(failures: int, *, most: int) -> int:
    """Return how long the door closes after so many wrong tries in a row.

    Not at all before the last of ``most``; then a minute, and twice as long with each
    further one, to an hour.
    """
    beyond = failures - most
    if beyond < 0:
        return 0
    return min(FIRST_SECONDS << min(beyond, 10), LONGEST_SECONDS)
