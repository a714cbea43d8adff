"""Ending tasks that a case's consents do not allow any more."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from routing.errors import ConsentMissing
from routing.models import Task
from routing.services.events import task_event
from routing.services.running import grants_for, wish_of_task

NOT_ENDED = (Task.Status.PENDING, Task.Status.RUNNING)


def end_unpermitted_tasks(*, clinic: str, case_id: str, actor: str) -> int:
    """Fail the tasks of a case that its consents forbid; return how many.

    One that an agent has already is ended too: what comes back is refused by its fence.
    """
    tasks = list(
        Task.objects.filter(clinic=clinic, case_id=case_id, status__in=NOT_ENDED)
    )
    if not tasks:
        return 0
    grants = grants_for(tasks)
    return sum(
        _end(task, actor) for task in tasks if not wish_of_task(task, grants).permitted
    )


@transaction.atomic(durable=True)
def _end(task: Task, actor: str) -> bool:
    ended = Task.objects.filter(pk=task.pk, status__in=NOT_ENDED).update(
        status=Task.Status.FAILED,
        error_code=ConsentMissing.code,
        error=ConsentMissing.__doc__ or "",
        worker="",
        lease_until=None,
        finished_at=Now(),
        updated_at=Now(),
    )
    if ended:
        # It may have been claimed since it was read.
        task.refresh_from_db(fields=["attempt"])
        record([task_event(task, Action.TASK_FAILED, actor, code=ConsentMissing.code)])
    return bool(ended)
