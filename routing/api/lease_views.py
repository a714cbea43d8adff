"""The routes of agents that pull their work. ``urls.py`` gives each its public path."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from routing.api.lease_serializers import (
    AttemptSerializer,
    EndedSerializer,
    LeasedSerializer,
    LeaseSerializer,
    RenewedSerializer,
    ResultSerializer,
)
from routing.api.task_views import TASK_ID
from routing.api.views import AGENT_ID_PARAMETER
from routing.models import Agent, Task
from routing.models.tasks import private_id
from routing.services.leasing import end_lease, lease_tasks, renew_lease
from routing.services.registration import hear_from
from wire.holding import held_requests
from wire.views import ApiViewSet

POLL_SECONDS = (0.05, 1.0)


class LeaseViewSet(ApiViewSet):
    """Tasks in the hands of agents that pull: to take, to renew, to end."""

    scopes = {
        "lease": "agents:write",
        "heartbeat": "agents:write",
        "result": "agents:write",
    }
    body_required = frozenset(scopes)
    serializer_class = LeaseSerializer

    @extend_schema(
        operation_id="lease",
        summary="Take tasks for an agent, or wait for some",
        parameters=[AGENT_ID_PARAMETER],
        request=LeaseSerializer,
        responses={200: LeasedSerializer},
    )
    def lease(self, request: Request, agent_id: str) -> Response:
        """Give the agent tasks that it may have, the most urgent first.

        It is a heartbeat of the agent too. With `wait` the answer comes once there is
        a task; where too many requests wait already, at once. An agent that is not
        approved, or disabled, is answered with 409.
        """
        asked = _valid(LeaseSerializer, request.data)
        agent = self._heard(agent_id)
        capabilities = asked.get("capabilities", ())
        if not set(capabilities) <= set(agent.capabilities):
            raise ValidationError(
                {"capabilities": ["Each must be one that the agent has registered."]}
            )

        def look() -> list[Task]:
            return lease_tasks(
                agent_id=agent_id,
                actor=self.client.actor,
                most=asked.get("max", 1),
                capabilities=capabilities,
            )

        tasks, wait = look(), asked.get("wait", 0)
        if not tasks and wait and held_requests().acquire(False):
            try:
                tasks = _hold(look, seconds=wait)
            finally:
                held_requests().release()
        return Response({"tasks": [_body(task) for task in tasks]})

    @extend_schema(
        operation_id="task_heartbeat",
        summary="Say that an agent still works on a task",
        parameters=[TASK_ID],
        request=AttemptSerializer,
        responses={200: RenewedSerializer},
    )
    def heartbeat(self, request: Request, task_id: str) -> Response:
        """Renew the lease; 409 where the attempt is held no longer."""
        said = _valid(AttemptSerializer, request.data)
        try:
            renew_lease(_pk(task_id), actor=self.client.actor, **said)
        except Task.DoesNotExist:
            raise NotFound("task not found") from None
        return Response({"status": "ok", "lease_seconds": settings.JOB_LEASE_SECONDS})

    @extend_schema(
        operation_id="task_result",
        summary="Say how an agent's work on a task ended",
        parameters=[TASK_ID],
        request=ResultSerializer,
        responses={200: EndedSerializer},
    )
    def result(self, request: Request, task_id: str) -> Response:
        """Store the result, or have the task tried again; 409 where it is too late.

        A task that has failed too often is a dead letter.
        """
        said = {"output": None, "error": "", **_valid(ResultSerializer, request.data)}
        try:
            status = end_lease(_pk(task_id), actor=self.client.actor, **said)
        except Task.DoesNotExist:
            raise NotFound("task not found") from None
        return Response({"status": status})

    def _heard(self, agent_id: str) -> Agent:
        """Return an agent of the key, which has just been heard of.

        Raises:
            NotFound: the key has registered no such agent.
        """
        if "\0" in agent_id:
            raise NotFound("agent not found")
        try:
            hear_from(agent_id, actor=self.client.actor)
            return Agent.objects.get(agent_id=agent_id)
        except Agent.DoesNotExist:
            raise NotFound("agent not found") from None


def _hold(look: Callable[[], list[Task]], *, seconds: float) -> list[Task]:
    """Look again until there is a task or the time is up, ever less often."""
    until = time.monotonic() + seconds
    pause, longest = POLL_SECONDS
    while (left := until - time.monotonic()) > 0:
        # A held request must not hold a pooled connection too.
        connection.close()
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, longest)
        if found := look():
            return found
    return []


def _pk(task_id: str) -> UUID:
    """Read a task's id; what is none is not found, like any unknown one.

    Raises:
        NotFound: it is none.
    """
    pk = private_id(task_id)
    if pk is None:
        raise NotFound("task not found")
    return pk


def _valid(serializer: type[Serializer], data: Any) -> dict[str, Any]:
    found = serializer(data=data)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def _body(task: Task) -> dict[str, Any]:
    return {
        "task_id": task.public_id,
        "case_id": task.case_id,
        "task_type": task.task_type,
        "priority": task.priority,
        "payload": task.payload,
        "meta": task.meta,
        "attempt": task.attempt,
        "lease_seconds": settings.JOB_LEASE_SECONDS,
    }
