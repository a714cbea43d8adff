"""The way a job took, shown as that of a task is."""

from __future__ import annotations

from routing.admin.route import route_of

__all__ = ["route_of"]
