"""Agents, what has been seen of every target, and tasks."""

from __future__ import annotations

from routing.models.agents import Agent, Capability
from routing.models.health import TargetHealth
from routing.models.tasks import Task

__all__ = ["Agent", "Capability", "TargetHealth", "Task"]
