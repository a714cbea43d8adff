"""The routes of agents. ``urls.py`` gives each action its public path."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from routing.api.serializers import (
    AgentSerializer,
    CalledSerializer,
    EnvelopeSerializer,
    HeartbeatSerializer,
    RegisteredSerializer,
    RegistrationQuerySerializer,
    RegistrationSerializer,
)
from routing.models import Agent
from routing.services.dispatch import Call, call_best_agent
from routing.services.overview import overview
from routing.services.registration import Registration, hear_from, register_agent
from wire.parsers import announced_length
from wire.views import ApiViewSet

DEFAULT_TIMEOUT_MS = 5000
AGENT_ID_PARAMETER = OpenApiParameter("agent_id", OpenApiTypes.STR, "path")


class AgentViewSet(ApiViewSet):
    """Agents: to register, to be heard of, to look at, to call."""

    scopes = {
        "register": "agents:write",
        "heartbeat": "agents:write",
        "list": "agents:read",
        "route_and_call": "tasks:write",
    }
    body_required = frozenset({"heartbeat", "route_and_call"})
    serializer_class = AgentSerializer

    def query_serializer(self, request: Request) -> type[Serializer]:
        """Take a registration without a body from the query."""
        if self.action == "register" and not announced_length(request._request):
            return RegistrationQuerySerializer
        return super().query_serializer(request)

    @extend_schema(
        operation_id="register_agent",
        summary="Register an agent, or say that it is there",
        request=RegistrationSerializer,
        responses={200: RegisteredSerializer},
    )
    def register(self, request: Request) -> Response:
        """Store what an agent says of itself; it works once a person has approved it.

        Older agents may send the same fields as query parameters, without a body.
        """
        said = dict(self.query)
        if announced_length(request._request):
            said = _valid(RegistrationSerializer, request.data)
        agent = register_agent(
            Registration(**said),
            clinic=self.client.clinic.slug,
            actor=self.client.actor,
        )
        return _registered(agent.agent_id, approved=agent.approved_at is not None)

    @extend_schema(
        operation_id="agent_heartbeat",
        summary="Say that an agent is there, and how it does",
        parameters=[AGENT_ID_PARAMETER],
        request=HeartbeatSerializer,
        responses={200: RegisteredSerializer},
    )
    def heartbeat(self, request: Request, agent_id: str) -> Response:
        """Keep an agent in work: one not heard of for two minutes gets none."""
        said = _valid(HeartbeatSerializer, request.data)
        if "\0" in agent_id:
            raise NotFound("agent not found")
        try:
            approved = hear_from(agent_id, actor=self.client.actor, **said)
        except Agent.DoesNotExist:
            raise NotFound("agent not found") from None
        return _registered(agent_id, approved=approved)

    @extend_schema(
        operation_id="agents",
        summary="List the agents that may see the clinic's work",
        responses={200: AgentSerializer(many=True)},
        filters=False,
    )
    def list(self, request: Request) -> Response:
        """Show each with its health as we have seen it."""
        rows = overview(clinic=self.client.clinic.slug)
        return Response([_agent_body(row) for row in rows if row.agent is not None])

    @extend_schema(
        operation_id="route_and_call",
        summary="Call the best agent once, and wait for its answer",
        request=EnvelopeSerializer,
        responses={200: CalledSerializer},
    )
    def route_and_call(self, request: Request) -> Response:
        """Choose by capability, consent, speed and load; nothing is queued."""
        asked = _valid(EnvelopeSerializer, request.data)
        provenance = asked.get("provenance", {})
        request_id = asked.get("request_id") or str(uuid.uuid4())
        kept = ("client", "task", "priority", "provenance")
        agent_id, answer = call_best_agent(
            Call(
                request_id=request_id,
                case_id=asked["case_id"],
                capabilities=asked["capability"],
                priority=asked.get("priority", "normal"),
                seconds=asked.get("timeout_ms", DEFAULT_TIMEOUT_MS) / 1000,
                payload=asked.get("payload", {}),
                meta={name: asked[name] for name in kept if name in asked},
                consent_id=provenance.get("consent_id", ""),
            ),
            clinic=self.client.clinic.slug,
            actor=self.client.actor,
        )
        return Response(
            {"request_id": request_id, "agent_id": agent_id, "agent_response": answer}
        )


def _valid(serializer: type[Serializer], data: Any) -> dict[str, Any]:
    found = serializer(data=data)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


def _registered(agent_id: str, *, approved: bool) -> Response:
    return Response({"status": "ok", "agent_id": agent_id, "approved": approved})


def _agent_body(row: Any) -> dict[str, Any]:
    agent, health = row.agent, row.health
    return {
        "agent_id": agent.agent_id,
        "capabilities": agent.capabilities,
        "endpoint": agent.endpoint,
        "protocol": agent.protocol,
        "location": agent.location,
        "supports_raw_media": agent.supports_raw_media,
        "gpu": agent.gpu,
        "version": agent.version,
        "state": row.state,
        "health_status": agent.health_status,
        "load_score": agent.load_score,
        "p50_ms": health.p50_ms if health else None,
        "p95_ms": health.p95_ms if health else None,
        "last_error": (health.last_error or None) if health else None,
        "last_error_at": health.failed_at if health else None,
        "registered_at": agent.registered_at,
        "heard_at": agent.heard_at,
    }
