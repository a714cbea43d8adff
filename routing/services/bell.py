"""Ringing for tasks: their ids go onto the streams. It may fail, and loses nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now
from redis import Redis
from redis.exceptions import RedisError

from routing import streams
from routing.connection import connect
from routing.models import Task
from wire import tracing

logger = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
IDS = ("id", "priority")
DATA = (
    *("id", "case_id", "task_type", "priority", "idempotency_key", "consent"),
    *("created_at", "meta"),
)


class Quiet:
    """Remembers that Redis has just failed, so that not every request waits for it."""

    until = 0.0


@lru_cache(maxsize=1)
def _redis() -> Redis:
    return connect()


def ring_for(ids: Sequence[UUID]) -> bool:
    """Put tasks on the streams of their priorities; say whether Redis took them.

    For a second after a failure nothing is tried at all.
    """
    with tracing.span("ring", kind="producer", attributes={"pedi.rung": len(ids)}):
        return _ring(ids, streams.ring)


def ring_for_dead(ids: Sequence[UUID]) -> bool:
    """Put tasks on the stream of dead letters; say whether Redis took them."""
    is_rung = _ring(ids, streams.ring_dead)
    if ids and is_rung:
        Task.objects.filter(pk__in=ids).update(rung_at=Now())
    return is_rung


def _ring(ids: Sequence[UUID], step: Any) -> bool:
    if not ids:
        return True
    if time.monotonic() < Quiet.until:
        _unrung(ids)
        return False
    with_data = settings.ORCHESTRATOR_STREAM_DATA
    try:
        step(_redis(), _rows(ids, with_data), with_data=with_data)
    except RedisError as exc:
        Quiet.until = time.monotonic() + QUIET_SECONDS
        logger.warning("Redis took no task ids (%s)", type(exc).__name__)
        _unrung(ids)
        return False
    return True


def _unrung(ids: Sequence[UUID]) -> None:
    """Let the next upkeep ring for them, without waiting."""
    Task.objects.filter(pk__in=ids).update(rung_at=None)


def _rows(ids: Sequence[UUID], with_data: bool) -> list[dict[str, Any]]:
    """Read what goes into the entries; where the letters are dead, why they are."""
    if not with_data:
        return list(Task.objects.filter(pk__in=ids).values(*IDS))
    rows = list(Task.objects.filter(pk__in=ids).values(*DATA, "dead_at", "error_code"))
    for row in rows:
        is_dead, code = row.pop("dead_at") is not None, row.pop("error_code")
        if is_dead:
            row["meta"] = row["meta"] | {"dlq_reason": code, "last_error": code}
    return rows
