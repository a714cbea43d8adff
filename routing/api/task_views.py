"""The routes of tasks. ``urls.py`` gives each action its public path."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from routing.api.serializers import (
    RoutedSerializer,
    TaskSerializer,
    TaskStateSerializer,
)
from routing.models import Agent, Task
from routing.models.tasks import TaskType, private_id
from routing.services.acceptance import TaskRequest, accept_task
from routing.services.bell import ring_for
from routing.services.sync import run_at_once
from routing.streams import STREAM
from wire.views import ApiViewSet

NO_AGENT = "E_NO_AGENT"
STATES = {"PENDING": "queued", "RUNNING": "in_progress", "DONE": "completed"}
TASK_ID = OpenApiParameter(
    "task_id", {"type": "string", "pattern": "^task-[0-9a-f]{32}$"}, "path"
)


class TaskViewSet(ApiViewSet):
    """Tasks: to give, and to ask after."""

    scopes = {"route": "tasks:write", "retrieve": "tasks:read"}
    body_required = frozenset({"route"})
    serializer_class = TaskSerializer

    @extend_schema(
        operation_id="route_task",
        summary="Give a task to whichever agent can do it",
        request=TaskSerializer,
        responses={200: RoutedSerializer, 202: RoutedSerializer},
    )
    def route(self, request: Request) -> Response:
        """Do light analyses at once if an agent can; queue everything else.

        The answer never depends on Redis: the task is stored first.
        """
        until = time.monotonic() + settings.ORCHESTRATOR_SYNC_TIMEOUT
        found = TaskSerializer(data=request.data)
        found.is_valid(raise_exception=True)
        task, is_known = accept_task(
            TaskRequest(**found.validated_data),
            clinic=self.client.clinic.slug,
            client=self.client.actor,
        )
        if is_known:
            return Response({"task_id": task.public_id, "status": "duplicate"})
        if task.task_type == TaskType.ANALYZE_MONITOR:
            outcome = run_at_once(task, until=until)
            if outcome is not None:
                return Response(
                    {
                        "task_id": task.public_id,
                        "result": outcome.output,
                        "status": "completed_sync",
                        "agent_id": outcome.agent_id,
                    }
                )
        else:
            ring_for([task.pk])
        queued = {
            "task_id": task.public_id,
            "status": "queued",
            "queue": STREAM.format(task.priority),
        }
        if not _somebody_ever(task):
            queued["warning"] = NO_AGENT
        return Response(queued, status=202)

    @extend_schema(
        operation_id="task",
        summary="Read how far a task has got",
        parameters=[TASK_ID],
        responses={200: TaskStateSerializer},
    )
    def retrieve(self, request: Request, task_id: str) -> Response:
        """Show the task's state, its result or error, and the way that it took."""
        pk = private_id(task_id)
        own = Task.objects.filter(clinic=self.client.clinic.slug)
        task = own.filter(pk=pk).first() if pk else None
        if task is None:
            raise NotFound("task not found")
        return Response(_state(task))


def _state(task: Task) -> dict[str, Any]:
    failed = "failed" if task.dead_at is None else "dead_letter"
    return {
        "task_id": task.public_id,
        "status": STATES.get(task.status, failed),
        "result": task.result,
        "error": task.error_code or None,
        "agent_id": task.agent_id or None,
        "attempts": task.attempt,
        "route": [
            {
                "attempt": decision["attempt"],
                "candidates": decision.get("candidates", []),
                "excluded": decision.get("excluded", []),
                "tries": decision.get("tries", []),
            }
            for decision in task.route
        ],
    }


def _somebody_ever(task: Task) -> bool:
    """Say whether any agent of the clinic has ever said that it can do such tasks."""
    said = Agent.objects.all().of_clinic(task.clinic).values_list("capabilities")
    return any(set(task.wanted) & set(capabilities) for (capabilities,) in said)
