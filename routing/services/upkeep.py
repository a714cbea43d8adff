"""Putting right what a crash, a lost entry or an absent Redis left behind of tasks."""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from claims.work import WORKER_LOST
from routing import streams
from routing.fairness import PRIORITIES
from routing.models import Task
from routing.services.bell import ring_for, ring_for_dead
from routing.services.events import task_event

logger = logging.getLogger(__name__)

BATCH = 1000
LOST = "Each worker that took this task was lost before it could finish it."
JUST_RUNG = timedelta(seconds=3)
LONG_AGO = timedelta(minutes=10)
"""After this a task is rung for again, whatever waits in its stream."""


def reap_tasks(*, actor: str) -> list[UUID]:
    """Take tasks from workers and agents that no longer renew their leases.

    An expired lease counts as an attempt. Returns the new dead letters.
    """
    with transaction.atomic(durable=True):
        released, failed = Task.objects.all().reap(
            most_crashes=settings.JOB_MAX_CRASHES,
            failing={"error": LOST, "dead_at": Now()},
        )
        Task.objects.filter(pk__in=[*released, *failed]).update(rung_at=None)
        _record(released, Action.TASK_RELEASED, actor)
        _record(failed, Action.TASK_DEAD, actor)
    return failed


def ring_forgotten_tasks(redis: Any, *, group: str, types: Collection[str]) -> int:
    """Ring for due tasks that are on no stream any more; return for how many.

    ``types`` are those that somebody can be asked to do. A stream that its group has
    read to the end holds nothing: what is still due was lost, or has become due. One
    that is not yet read is left alone, but for tasks rung for long ago.

    Raises:
        RedisError: Redis is away.
    """
    rung = 0
    for priority in PRIORITIES:
        lost = Q(rung_at__isnull=True) | Q(rung_at__lt=Now() - LONG_AGO)
        if not streams.unread(redis, priority, group):
            lost |= Q(rung_at__lt=Now() - JUST_RUNG)
        forgotten = (
            Task.objects.all()
            .due()
            .filter(lost, priority=priority, task_type__in=types)
            .order_by("not_before")
            .values_list("pk", flat=True)
        )
        # Marked first: of several workers one rings.
        still = Task.objects.filter(lost, pk__in=list(forgotten[:BATCH]))
        ids = still.update_returning_ids(rung_at=Now())
        if ids and ring_for(ids):
            rung += len(ids)
    return rung


def ring_for_dead_letters() -> int:
    """Put dead letters on their stream that are not there yet; return how many."""
    unrung = Task.objects.all().dead().filter(rung_at__isnull=True)
    ids = list(unrung.values_list("pk", flat=True)[:BATCH])
    ids = unrung.filter(pk__in=ids).update_returning_ids(rung_at=Now())
    return len(ids) if ring_for_dead(ids) else 0


def forget_keys() -> None:
    """Let idempotency keys be used anew after their time."""
    Task.objects.filter(
        ~Q(idempotency_key=""),
        created_at__lt=Now() - timedelta(hours=settings.IDEMPOTENCY_HOURS),
    ).update(idempotency_key="")


def trim_streams(redis: Any) -> int:
    """Drop what every group has done with; return how many entries.

    Raises:
        RedisError: Redis is away.
    """
    most = settings.ORCHESTRATOR_STREAM_MAXLEN
    return sum(streams.trim(redis, priority, most=most) for priority in PRIORITIES)


def _record(ids: list[UUID], action: Action, actor: str) -> None:
    tasks = Task.objects.filter(pk__in=ids).only(
        "clinic", "case_id", "task_type", "attempt"
    )
    record(task_event(task, action, actor, code=WORKER_LOST) for task in tasks)
