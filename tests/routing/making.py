"""Agents for tests: each function says only what matters."""

from __future__ import annotations

from typing import Any

from routing.models import Agent
from routing.services.registration import Registration, approve_agent, register_agent

ADMIN = "user:1"


def make_agent(
    agent_id: str = "agent-1",
    *,
    clinic: str = "default",
    actor: str = "key:test",
    approved: bool = True,
    **fields: Any,
) -> Agent:
    """Register one agent as it would itself, and approve it as a person would."""
    said = {
        "endpoint": "https://agents.example.org/infer",
        "capabilities": ("screen",),
        **fields,
    }
    agent = register_agent(
        Registration(agent_id=agent_id, **said), clinic=clinic, actor=actor
    )
    if approved:
        approve_agent(agent, actor=ADMIN)
        agent.refresh_from_db()
    return agent
