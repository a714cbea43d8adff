"""Adding to the audit log."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from audit.actions import Action
from audit.context import recorded, request_id, surroundings
from audit.entries import Event, Text, new_event_id, text_of
from audit.insertion import insert, insert_beside
from audit.models import Audit

__all__ = [
    "Event",
    "count_of",
    "id_before",
    "newest_of_job",
    "record",
    "record_beside",
]

MOST_AT_ONCE = 10_000
"""So many events at most are recorded by transactions that go on at one time."""


def record(events: Iterable[Event]) -> None:
    """Append events inside the caller's transaction, so that both are stored or none.

    Each gets the id of the request under way, and its time from the database, in its
    text as well. A trigger of the database puts each among those to be sealed.

    Raises:
        NotCanonical: a detail holds what no event may, such as a float.
    """
    listed = list(events)
    insert(_texts(listed))
    _tell(listed)


def record_beside(
    events: Iterable[Event], sql: str, params: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Append events as `record` does, with a statement that returns rows.

    On PostgreSQL the two go there and back together. Returns the statement's rows.

    Raises:
        NotCanonical: as `record` does.
    """
    listed = list(events)
    rows = insert_beside(_texts(listed), sql, params)
    _tell(listed)
    return rows


def _texts(events: Sequence[Event]) -> list[Text]:
    current, around, version = request_id.get(), surroundings.get(), settings.VERSION
    return [
        text_of(
            event,
            event_id=new_event_id(),
            request_id=current,
            around=around,
            version=version,
        )
        for event in events
    ]


def _tell(events: Sequence[Event]) -> None:
    if (told := recorded.get()) is not None:
        told.extend(str(event.action) for event in events)


def newest_of_job(job_id: UUID, *, most: int) -> list[Audit]:
    """Return what was last done with a job, newest first; who looked is not doing."""
    done = Audit.objects.for_job(job_id).changing()
    return list(done.order_by("-id")[:most])


def count_of(action: Action, *, actor: str, seconds: float) -> int:
    """Count how often somebody did a thing in the last seconds, by the database."""
    since = Now() - timedelta(seconds=seconds)
    own = Audit.objects.filter(actor=actor, action=action, occurred_at__gt=since)
    return own.count()


@functools.lru_cache(maxsize=8)
def id_before(moment: datetime) -> int:
    """Return an id that every event from a moment on is above, and few before it are.

    No index has the time, but ids grow with it, if not strictly: some twenty events are
    looked at, once for each moment. What is past stays so.
    """
    newest = Audit.objects.order_by("-pk").values_list("pk", flat=True).first()
    low, high = 0, newest or 0
    while low < high:
        middle = (low + high) // 2
        following = Audit.objects.filter(pk__gt=middle).order_by("pk")
        at = following.values_list("occurred_at", flat=True).first()
        low, high = (middle + 1, high) if at and at < moment else (low, middle)
    return max(low - MOST_AT_ONCE, 0)
