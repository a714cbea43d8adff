"""Invented tasks for the pages of the admin: every state that a page can show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from audit.actions import Action
from audit.services import Event
from routing.models import Task
from routing.policy import Standing, Wish, choose_targets
from routing.services.events import task_event

KINDS = {
    "done": 0,
    "gave up": 1,
    "waiting": 2,
    "running": 3,
    "lost its workers": 4,
    "without consent": 5,
    "put off": 6,
    "cancelled": 7,
    "lost": 8,
}
"""What each task in turn is."""

TYPES = ["analyze_monitor", "embed", "analyze_refer", "indexing", "audit_log"]
PAYLOAD = {
    "observations": "Points at the dog and says a word for it.\nNot yet two together.",
    "age_months": 20,
    "embedding_b64": "AAAA" * 256,
    "shape": [1, 256],
    "flags": {"parent_concern": True},
}
RESULT = {
    "risk": "monitor",
    "summary": ["Words are fewer than usual.", "Pointing and playing are as usual."],
    "confidence": 0.62,
    "checked_by_rules": True,
    "model": {"id": "example-model-4b", "adapter": None},
    "embedding": [0.25] * 256,
}
STANDINGS = [
    Standing(
        name="checker-1",
        location="edge-room-4",
        capabilities=("analyze_light", "analyze_monitor"),
        p95_ms=640.0,
    ),
    Standing(
        name="gpu-reader-1",
        location="cloud-gpu",
        gpu=True,
        capabilities=("analyze_heavy", "analyze_refer"),
        resting=12.0,
    ),
]
FAILED = {"target": "checker-1", "outcome": "AGENT_REPORTED_FAILURE"}


def make_task(n: int) -> Task:
    """Make the n-th task."""
    now = timezone.now()
    made = now - timedelta(minutes=29 * n + 7)
    task = Task(
        clinic=["riverside", "northgate"][n % 2],
        client="key:5d20e7a1",
        case_id=f"RC-{5120 + n}",
        task_type=TYPES[n % len(TYPES)],
        priority=["normal", "urgent", "high", "normal", "low"][n % 5],
        payload=PAYLOAD,
        consent={"consent_given": n % 3 != 2, "consent_id": f"consent-{7 + n}"},
        meta={"ticket": "R-17"} if n % 2 else {},
        created_at=made,
        not_before=made,
        rung_at=made,
    )
    kind = n % len(KINDS)
    if kind == KINDS["done"]:
        task.status, task.result, task.attempt = Task.Status.DONE, RESULT, 1
        task.agent_id, task.route = "checker-1", [attempt(1, "answered")]
        task.finished_at = made + timedelta(seconds=3)
    elif kind == KINDS["gave up"]:
        give_up(task, "AGENT_REPORTED_FAILURE", "The agent answered that it did not.")
        task.route = [attempt(number, FAILED["outcome"]) for number in range(1, 5)]
    elif kind == KINDS["running"]:
        run(task, timedelta(seconds=40))
    elif kind == KINDS["lost its workers"]:
        give_up(task, "WORKER_LOST", "Each worker that took this task was lost.")
    elif kind == KINDS["without consent"]:
        task.status, task.error_code = Task.Status.FAILED, "CONSENT_MISSING"
        task.error, task.finished_at = "The consent is not given.", now
    elif kind == KINDS["put off"]:
        task.not_before, task.failures, task.attempt = now + timedelta(minutes=2), 2, 2
    elif kind == KINDS["cancelled"]:
        task.status, task.finished_at = Task.Status.CANCELLED, now
    elif kind == KINDS["lost"]:
        run(task, -timedelta(seconds=90))
        task.crashes = 1
    return task


def give_up(task: Task, code: str, error: str) -> None:
    """Make it a dead letter."""
    task.status, task.error_code, task.error = Task.Status.FAILED, code, error
    task.attempt = task.failures = 4
    task.agent_id = "checker-1"
    task.started_at = task.created_at + timedelta(seconds=2)
    task.finished_at = task.dead_at = task.created_at + timedelta(minutes=4)


def run(task: Task, left: timedelta) -> None:
    """Let an agent have it, with so much of its lease left."""
    task.status, task.attempt = Task.Status.RUNNING, 1
    task.worker, task.agent_id = "host-1-4711", "checker-1"
    task.started_at = timezone.now() - timedelta(seconds=8)
    task.lease_until = timezone.now() + left


def attempt(number: int, outcome: str) -> dict[str, Any]:
    """Make what is kept of one attempt."""
    wish = Wish(wanted=("analyze_light", "analyze_monitor"), consent=True)
    tried = {"target": "checker-1", "outcome": outcome, "milliseconds": 412}
    decision = choose_targets(STANDINGS, wish).explain()
    return {"attempt": number, **decision, "tries": [tried]}


def events_of(task: Task) -> list[Event]:
    """Make the audit events that such a task would have."""
    worker, code = "worker:host-1-4711", {"code": task.error_code}
    events = [task_event(task, Action.TASK_SUBMITTED, task.client)]
    if task.dead_at is not None:
        events.append(task_event(task, Action.TASK_DEAD, worker, **code))
    elif task.status == Task.Status.FAILED:
        events.append(task_event(task, Action.TASK_FAILED, worker, **code))
    elif task.status == Task.Status.DONE:
        events.append(task_event(task, Action.TASK_COMPLETED, worker))
    elif task.status == Task.Status.RUNNING:
        events.append(task_event(task, Action.TASK_STARTED, worker))
    return events
