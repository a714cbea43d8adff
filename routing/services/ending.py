"""Storing what came of tasks: results, releases, dead letters; each under its fence.

A worker settles many at once, in one transaction.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, OperationalError, transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from routing.errors import (
    ConsentMissing,
    ModelTimeout,
    RoutingError,
    TargetsResting,
    TryAnother,
)
from routing.models import Task
from routing.services.events import task_event
from routing.services.running import TaskOutcome
from routing.spans import about_piece

logger = logging.getLogger(__name__)

KEPT_ROUTES = 20
NOT_STORABLE = "RESULT_NOT_STORABLE"


class NotStorable(RoutingError):
    """The database refused the agent's answer."""

    code = NOT_STORABLE


def end_tasks(outcomes: Sequence[TaskOutcome], *, worker: str) -> list[UUID]:
    """Store what came of the claims, with their audits; return the new dead letters.

    One transaction for all. If it fails for a reason that lies in one of them, they
    are stored one by one, and one that cannot be stored is a dead letter. A claim that
    is held no longer writes nothing but an audit event.

    Raises:
        OperationalError: the database is away; nothing is stored, try again.
    """
    try:
        with transaction.atomic(durable=True):
            return _end_all(outcomes, worker)
    except OperationalError:
        raise
    except DatabaseError:
        if len(outcomes) == 1:
            with about_piece(outcomes[0].task):
                logger.exception("%s cannot be stored", outcomes[0].task)
            with transaction.atomic(durable=True):
                return _fail(outcomes[0], NotStorable(NotStorable.__doc__), worker)
        return [pk for one in outcomes for pk in end_tasks([one], worker=worker)]


@transaction.atomic(durable=True)
def hand_back(outcome: TaskOutcome, *, worker: str) -> None:
    """Let a task that was run at once, and not done, wait like any other."""
    held = Task.objects.filter(pk=outcome.task.pk).held(outcome.task.attempt)
    released = held.update(
        **_common(outcome), status=Task.Status.PENDING, not_before=Now(), rung_at=Now()
    )
    error = outcome.error or ModelTimeout(ModelTimeout.__doc__)
    _record(outcome, Action.TASK_RELEASED if released else None, error, worker)


def _end_all(outcomes: Sequence[TaskOutcome], worker: str) -> list[UUID]:
    in_order = sorted(outcomes, key=lambda outcome: outcome.task.pk)
    _complete([found for found in in_order if found.error is None], worker)
    dead = []
    for outcome in in_order:
        if outcome.error is not None:
            dead += _release_or_fail(outcome, outcome.error, worker)
    return dead


def _complete(outcomes: Sequence[TaskOutcome], worker: str) -> None:
    if not outcomes:
        return
    held = Task.objects.all().complete(
        [
            {
                "id": outcome.task.pk,
                "attempt": outcome.task.attempt,
                "route": _longer_route(outcome),
                "agent_id": outcome.agent_id,
                "result": outcome.output,
            }
            for outcome in outcomes
        ]
    )
    record(
        task_event(
            outcome.task,
            Action.TASK_COMPLETED,
            f"worker:{worker}",
            agent=outcome.agent_id,
        )
        if outcome.task.pk in held
        else task_event(
            outcome.task, Action.TASK_STALE_RESULT_REFUSED, f"worker:{worker}"
        )
        for outcome in outcomes
    )


def _release_or_fail(
    outcome: TaskOutcome, error: RoutingError, worker: str
) -> list[UUID]:
    """Put the task back for a later try, or end it where there has been enough."""
    task = outcome.task
    # Nobody was asked, so nobody failed.
    failures = task.failures + (not isinstance(error, TargetsResting))
    may_be_tried = isinstance(error, TryAnother)
    if not may_be_tried or failures > settings.ORCHESTRATOR_TASK_MAX_RETRIES:
        return _fail(outcome, error, worker)
    wait = timedelta(seconds=_backoff(failures, error))
    held = Task.objects.filter(pk=task.pk).held(task.attempt)
    released = held.update(
        **_common(outcome),
        status=Task.Status.PENDING,
        failures=failures,
        not_before=Now() + wait,
        rung_at=None,
    )
    _record(outcome, Action.TASK_RELEASED if released else None, error, worker)
    return []


def _fail(outcome: TaskOutcome, error: RoutingError, worker: str) -> list[UUID]:
    """End the task: as a dead letter, but where only another request could help."""
    is_dead = not isinstance(error, ConsentMissing)
    held = Task.objects.filter(pk=outcome.task.pk).held(outcome.task.attempt)
    failed = held.update(
        **_common(outcome),
        status=Task.Status.FAILED,
        failures=outcome.task.failures + 1,
        error_code=error.code,
        error=str(error)[:2048],
        finished_at=Now(),
        dead_at=Now() if is_dead else None,
        rung_at=None,
    )
    action = Action.TASK_DEAD if is_dead else Action.TASK_FAILED
    _record(outcome, action if failed else None, error, worker)
    return [outcome.task.pk] if failed and is_dead else []


def _common(outcome: TaskOutcome) -> dict[str, Any]:
    return {
        "route": _longer_route(outcome),
        "agent_id": outcome.agent_id,
        "worker": "",
        "lease_until": None,
        "updated_at": Now(),
    }


def _record(
    outcome: TaskOutcome, action: Action | None, error: RoutingError, worker: str
) -> None:
    action = action or Action.TASK_STALE_RESULT_REFUSED
    record([task_event(outcome.task, action, f"worker:{worker}", code=error.code)])


def _longer_route(outcome: TaskOutcome) -> list[dict[str, Any]]:
    return [*outcome.task.route, outcome.explain()][-KEPT_ROUTES:]


def _backoff(failures: int, error: RoutingError) -> float:
    """Seconds until the next try: doubling, capped, spread by a quarter either way."""
    doubled: float = settings.JOB_BACKOFF_SECONDS * 2 ** min(max(failures - 1, 0), 20)
    seconds = min(doubled, settings.JOB_BACKOFF_MAX_SECONDS)
    spread: float = seconds * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
    return max(spread, getattr(error, "retry_after", None) or 0.0)
