"""Agents, model servers and tasks in the admin."""

from __future__ import annotations

from routing.admin import agents, targets, tasks

__all__ = ["agents", "targets", "tasks"]
