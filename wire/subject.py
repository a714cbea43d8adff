"""What the log lines of the work under way are about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

subject: ContextVar[dict[str, str]] = ContextVar("subject", default={})  # noqa: B039
"""``job_id`` or ``task_id``; empty where it is neither. Never changed in place."""


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Let log lines written inside name a job or a task."""
    token = subject.set(ids)
    try:
        yield
    finally:
        subject.reset(token)
