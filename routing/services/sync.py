"""Running a task at once, while its client waits; within one budget for all of it."""

from __future__ import annotations

import time

from routing.counts import SYNC, counts
from routing.errors import ModelTimeout
from routing.models import Task
from routing.services.bell import ring_for
from routing.services.desk import desk
from routing.services.ending import end_tasks, hand_back
from routing.services.running import (
    TaskOutcome,
    ask_agents,
    claim_tasks,
    grants_for,
    wish_of_task,
)

WORKER = "api"


def run_at_once(task: Task, *, until: float) -> TaskOutcome | None:
    """Ask the best agents until a monotonic time; return what one of them did.

    Where none did it in time the task is back among those that wait, and has been rung
    for: None. What failed here is no retry of the task's.
    """
    ours = desk()
    grants = grants_for([task])
    choice = ours.choose(wish_of_task(task, grants), clinic=task.clinic)
    if not choice.targets:
        counts().add(SYNC.format("no_agent"))
        ring_for([task.pk])
        return None
    claimed = claim_tasks([task], worker=WORKER)
    if not claimed:
        return None
    left = until - time.monotonic()
    asking = ask_agents(
        ours.client,
        task,
        choice,
        has_consents=bool(grants[task.clinic, task.case_id]),
        seconds=left,
        in_all=left,
    )
    outcome = ours.client.start(asking).result()
    ours.note(outcome.tries)
    if outcome.error is None and outcome.tries:
        end_tasks([outcome], worker=WORKER)
        counts().add(SYNC.format("completed"))
        return outcome
    in_time = outcome.tries and not isinstance(outcome.error, ModelTimeout)
    counts().add(SYNC.format("failed" if in_time else "timeout"))
    hand_back(outcome, worker=WORKER)
    ring_for([task.pk])
    return None
