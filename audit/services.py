"""Adding to the audit log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from audit.actions import Action
from audit.context import request_id
from audit.models import Audit


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event yet to be recorded.

    ``detail`` is read by auditors: codes, counts and versions, never
    observations, embeddings, names or keys.
    """

    action: Action
    actor: str
    clinic: str = ""
    case_id: str = ""
    job_id: UUID | None = None
    attempt: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def record(events: Iterable[Event]) -> None:
    """Append events inside the caller's transaction, so that both are stored or none.

    Each gets the id of the request under way, and its time from the database.
    """
    current = request_id.get()
    Audit.objects.bulk_create(
        Audit(
            action=event.action,
            actor=event.actor,
            clinic=event.clinic,
            case_id=event.case_id,
            job_id=event.job_id,
            attempt=event.attempt,
            request_id=current,
            detail=event.detail,
        )
        for event in events
    )


def record_read(event: Event, *, again_after: float) -> None:
    """Append that somebody read something, by one statement.

    The same person reading the same is one event in so many seconds: who goes back and
    forth between pages does not hide the others.
    """
    since = Now() - timedelta(seconds=again_after)
    same = Audit.objects.filter(
        action=event.action,
        actor=event.actor,
        clinic=event.clinic,
        case_id=event.case_id,
        job_id=event.job_id,
        detail=event.detail,
        occurred_at__gt=since,
    )
    if not same.exists():
        record([event])


def newest_of_job(job_id: UUID, *, most: int) -> list[Audit]:
    """Return what was last done with a job, newest first; who looked is not doing."""
    done = Audit.objects.for_job(job_id).exclude(action=Action.RECORD_OPENED)
    return list(done.order_by("-id")[:most])


def count_of(action: Action, *, actor: str, seconds: float) -> int:
    """Count how often somebody did a thing in the last seconds, by the database."""
    since = Now() - timedelta(seconds=seconds)
    own = Audit.objects.filter(actor=actor, action=action, occurred_at__gt=since)
    return own.count()
