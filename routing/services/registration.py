"""Agents: registered by themselves, heard of, and allowed to work by a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import Event, record
from routing.errors import AgentTaken, TooManyAgents
from routing.models import Agent

MOST_AGENTS = 1_000
APPROVED_BY_SETTING = "setting:AGENT_APPROVAL"


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """What an agent says of itself."""

    agent_id: str
    capabilities: tuple[str, ...]
    endpoint: str = ""
    """Checked already, see `routing.endpoints`; empty for one that is never called."""

    location: str = "cloud"
    supports_raw_media: bool = False
    protocol: str = "native"
    model: str = ""
    version: str = ""
    gpu: bool = False


@transaction.atomic(durable=True)
def register_agent(registration: Registration, *, clinic: str, actor: str) -> Agent:
    """Store what an agent says of itself, and that it has been heard of.

    A new agent gets no work until a person approves it, unless AGENT_APPROVAL is off;
    one that says something else of itself than when it was approved, no more. To say
    the same again is a heartbeat. It sees the work of the key's clinic only.

    Raises:
        AgentTaken: the name is another key's.
        TooManyAgents: the clinic has a thousand of them.
    """
    said: dict[str, Any] = {
        "endpoint": registration.endpoint,
        "protocol": registration.protocol,
        "model": registration.model,
        "version": registration.version,
        "capabilities": sorted(set(registration.capabilities)),
        "location": registration.location,
        "supports_raw_media": registration.supports_raw_media,
        "gpu": registration.gpu,
    }
    agent, is_new = Agent.objects.select_for_update().get_or_create(
        agent_id=registration.agent_id,
        defaults={**said, "clinic": clinic, "registered_by": actor},
    )
    if agent.registered_by != actor:
        raise AgentTaken("Another key has registered an agent of this name.")
    if is_new and Agent.objects.filter(clinic=clinic).count() > MOST_AGENTS:
        raise TooManyAgents(f"A clinic may have {MOST_AGENTS} agents.")
    is_other = is_new or any(getattr(agent, name) != said[name] for name in said)
    values = {**said, "heard_at": Now()}
    if agent.endpoint != registration.endpoint:
        # Its token is for where it was.
        values["token_env"] = ""
    if is_other and settings.AGENT_APPROVAL:
        values |= {"approved_at": None, "approved_by": ""}
    elif agent.approved_at is None and not settings.AGENT_APPROVAL:
        values |= {"approved_at": Now(), "approved_by": APPROVED_BY_SETTING}
    Agent.objects.filter(pk=agent.pk).update(**values)
    agent.refresh_from_db()
    if is_other:
        _record(Action.AGENT_REGISTERED, agent, actor)
    return agent


def hear_from(
    agent_id: str,
    *,
    actor: str,
    health_status: str | None = None,
    latency_ms: float | None = None,
    load_score: float | None = None,
) -> bool:
    """Store a heartbeat and what it says; return whether the agent is approved.

    Raises:
        Agent.DoesNotExist: the key has registered no such agent.
    """
    said = {
        "health_status": health_status,
        "told_latency_ms": latency_ms,
        "load_score": load_score,
    }
    values = {name: value for name, value in said.items() if value is not None}
    own = Agent.objects.filter(agent_id=agent_id, registered_by=actor)
    if not own.update(heard_at=Now(), **values):
        raise Agent.DoesNotExist
    return own.filter(approved_at__isnull=False).exists()


@transaction.atomic(durable=True)
def approve_agent(agent: Agent, *, actor: str) -> None:
    """Let an agent, as it describes itself now, be given work."""
    waiting = Agent.objects.filter(
        pk=agent.pk,
        approved_at=None,
        endpoint=agent.endpoint,
        location=agent.location,
        capabilities=agent.capabilities,
    )
    if waiting.update(approved_at=Now(), approved_by=actor):
        _record(Action.AGENT_APPROVED, agent, actor)


@transaction.atomic(durable=True)
def enable_agent(agent: Agent, *, actor: str) -> None:
    """Give an agent work again."""
    if Agent.objects.filter(pk=agent.pk, is_enabled=False).update(is_enabled=True):
        _record(Action.AGENT_ENABLED, agent, actor)


@transaction.atomic(durable=True)
def disable_agent(agent: Agent, *, actor: str) -> None:
    """Give an agent no work until it is enabled again; workers follow in 2 s."""
    if Agent.objects.filter(pk=agent.pk, is_enabled=True).update(is_enabled=False):
        _record(Action.AGENT_DISABLED, agent, actor)


@transaction.atomic(durable=True)
def allow_agent(agent: Agent, *, clinic: str, token_env: str, actor: str) -> None:
    """Say whose work an agent may see (empty: any), and which token it is shown."""
    held = Agent.objects.select_for_update().get(pk=agent.pk)
    before = {"clinic": held.clinic, "token_env": held.token_env}
    after = {"clinic": clinic, "token_env": token_env}
    if before == after:
        return
    Agent.objects.filter(pk=held.pk).update(**after)
    detail = {"agent": held.agent_id, **after}
    detail |= {f"{name}_before": value for name, value in before.items()}
    event = Event(
        action=Action.AGENT_CHANGED, actor=actor, clinic=clinic, detail=detail
    )
    record([event])


def _record(action: Action, agent: Agent, actor: str) -> None:
    detail = {
        "agent": agent.agent_id,
        "location": agent.location,
        "protocol": agent.protocol,
        "capabilities": agent.capabilities,
        "approved": agent.approved_at is not None,
    }
    record([Event(action=action, actor=actor, clinic=agent.clinic, detail=detail)])
