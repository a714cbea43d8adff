"""The request an event belongs to, carried along without passing it around."""

from __future__ import annotations

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Set by the middleware for the time of one request; empty outside of one."""
