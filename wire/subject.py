"""What the log lines of the work under way are about."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType

from wire import tracing

subject: ContextVar[dict[str, str]] = ContextVar("subject", default={})  # noqa: B039
"""``job_id`` or ``task_id``; empty where it is neither. Never changed in place."""


class About:
    """Let log lines written inside name a job or a task, and its trace.

    Entered twice for each job, and so without a generator.
    """

    __slots__ = ("_ids", "_place", "_tokens")

    def __init__(self, ids: dict[str, str], place: str) -> None:
        self._ids = ids
        self._place = place
        self._tokens: tuple[Token[dict[str, str]], Token[str]]

    def __enter__(self) -> None:
        self._tokens = (subject.set(self._ids), tracing.place.set(self._place))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        of_subject, of_place = self._tokens
        subject.reset(of_subject)
        tracing.place.reset(of_place)
