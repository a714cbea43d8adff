"""How tasks are named in the audit log."""

from __future__ import annotations

from typing import Any

from audit.actions import Action
from audit.services import Event
from routing.models import Task

STATE_TOLD_BY = {
    Action.TASK_SUBMITTED: Task.Status.PENDING,
    Action.TASK_STARTED: Task.Status.RUNNING,
    Action.TASK_RELEASED: Task.Status.PENDING,
    Action.TASK_COMPLETED: Task.Status.DONE,
    Action.TASK_FAILED: Task.Status.FAILED,
    Action.TASK_DEAD: Task.Status.FAILED,
    Action.TASK_REPLAYED: Task.Status.PENDING,
}
"""What each event says that a task's state is. A task is never cancelled."""


def task_event(task: Task, action: Action, actor: str, **detail: Any) -> Event:
    """Name a task by value; ``detail`` holds codes and counts, no more."""
    return Event(
        action=action,
        actor=actor,
        clinic=task.clinic,
        case_id=task.case_id,
        job_id=task.pk,
        attempt=task.attempt or None,
        detail={"task_type": task.task_type, **detail},
    )
