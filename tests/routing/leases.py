"""What the tests of agents that pull share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from audit.models import Audit
from routing.models import Agent, Task
from routing.services import bell, leasing
from routing.services.desk import desk
from routing.services.leasing import end_lease, lease_tasks
from tests.routing.making import make_agent

KEY = "key:test"
OTHER = "key:other"


@contextmanager
def afresh() -> Iterator[None]:
    """No circuit, share or silence is remembered from another test."""
    desk.cache_clear()
    leasing.shelf_of.cache_clear()
    bell.Quiet.until = 0.0
    yield
    desk().client.close()
    desk.cache_clear()


def puller(agent_id: str = "puller", **fields: Any) -> Agent:
    said = {"endpoint": "", "protocol": "pull", "capabilities": ("embed",)}
    return make_agent(agent_id, **(said | fields))


def task(task_type: str = "embed", **fields: Any) -> Task:
    said = {"clinic": "default", "client": "key:c", "case_id": "case-1"}
    return Task.objects.create(task_type=task_type, **(said | fields))


def lease(agent_id: str = "puller", most: int = 1, **fields: Any) -> list[Task]:
    return lease_tasks(agent_id=agent_id, actor=KEY, most=most, **fields)


def end(found: Task, *, success: bool = True, **fields: Any) -> str:
    said = {"attempt": found.attempt, "output": {"a": 1}, "error": "", "actor": KEY}
    return end_lease(found.pk, success=success, **(said | fields))


def expire(found: Task) -> None:
    """Let the lease run out, and the task be due again once it is reaped."""
    past = Now() - timedelta(seconds=1)
    Task.objects.filter(pk=found.pk).update(lease_until=past)
    lease()
    Task.objects.filter(pk=found.pk, status="PENDING").update(not_before=Now())


def actions(found: Task) -> list[tuple[str, str]]:
    rows = Audit.objects.filter(job_id=found.pk).order_by("id")
    return list(rows.values_list("action", "actor"))
