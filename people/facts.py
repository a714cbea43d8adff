"""What a session remembers of its log-in: times in whole seconds, nothing else."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

BEGAN = "began"
SEEN = "seen"
FACTOR = "factor_at"
SIGNED = "signed_at"


def now() -> int:
    """Return the time, in seconds since 1970."""
    return int(time.time())


def remember(session: Any, name: str) -> None:
    """Write down that something happens now."""
    session[name] = now()


def when(session: Any, name: str) -> datetime | None:
    """Return when something happened in this session, if it did."""
    found = session.get(name)
    return None if found is None else datetime.fromtimestamp(found, UTC)


def lacks_factor(user: Any, session: Any) -> bool:
    """Say whether a second factor is required that this session has not shown."""
    return bool(
        settings.REQUIRE_SECOND_FACTOR
        and user.is_authenticated
        and user.is_staff
        and FACTOR not in session
    )


def code_seen_at(session: Any) -> datetime | None:
    """Return when the person last signed in this session, with a code at first."""
    return when(session, SIGNED)
