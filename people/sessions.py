"""The session engine: Django looks for its store here."""

from __future__ import annotations

from people.models import SessionStore

__all__ = ["SessionStore"]
