"""Agents and model servers in the admin: how each does, and who may work."""

from __future__ import annotations

from routing.admin import agents, targets

__all__ = ["agents", "targets"]
