"""The spans of what one worker holds, from the claim of each piece to its end.

Pieces claimed together are claimed in one span, with a link to each. The span of each
piece is a child of that of its request, and lasts until its outcome is stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from wire import tracing
from wire.subject import About

logger = logging.getLogger(__name__)


class Traced(Protocol):
    """A job or a task."""

    pk: Any
    attempt: Any
    created_at: Any
    traceparent: Any

    def log_fields(self) -> dict[str, str]:
        """Return its id under the name that it has in log lines."""


def about_piece(piece: Traced, *, place: str = "") -> About:
    """Let log lines and calls inside belong to a piece, and to its trace."""
    return About(piece.log_fields(), place or piece.traceparent or "")


class WorkSpans:
    """Of one worker. ``name`` is that of its pieces, ``job`` or ``task``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: dict[tuple[UUID, int], tracing.Span] = {}

    @contextmanager
    def claiming(self) -> Iterator[tracing.Span]:
        """Claim pieces in a span of a trace of its own; `note_claimed` in it."""
        with tracing.span(f"claim {self._name}s", kind="consumer", parent="") as claim:
            yield claim

    @staticmethod
    def note_claimed(claim: tracing.Span, pieces: Sequence[Traced]) -> None:
        """Tell a claim's span what was claimed."""
        claim.set({"pedi.claimed": len(pieces)})
        claim.link(piece.traceparent for piece in pieces if piece.traceparent)

    def running(self, piece: Traced, claim: tracing.Span) -> About:
        """Begin the span of a claimed piece; what is done inside is part of it.

        The span goes on until `end`.
        """
        recorded = tracing.Export.recorder is not None
        return about_piece(piece, place=self._begin(piece, claim) if recorded else "")

    def _begin(self, piece: Traced, claim: tracing.Span) -> str:
        of_request = piece.traceparent or ""
        whole = tracing.begin(
            f"run {self._name}",
            kind="consumer",
            parent=of_request,
            attributes={
                "pedi.attempt": piece.attempt,
                **{f"pedi.{name}": value for name, value in piece.log_fields().items()},
            },
        )
        whole.link([claim.traceparent])
        if piece.attempt == 1:
            # Of a later attempt the row does not say since when it waits.
            tracing.begin(
                f"wait {self._name}",
                parent=of_request or whole.traceparent,
                since=min(_nanoseconds(piece.created_at), time.time_ns()),
            ).end()
        self._open[piece.pk, piece.attempt] = whole
        return whole.traceparent

    @contextmanager
    def settling(self, pieces: Sequence[tuple[Traced, str]]) -> Iterator[None]:
        """Store the outcomes of pieces, each with the code of its error, if any.

        Each has a log line once it is stored.
        """
        with self._spanning(pieces):
            yield
        if logger.isEnabledFor(logging.INFO):
            for piece, code in pieces:
                with about_piece(piece):
                    _tell(piece.attempt, code)

    @contextmanager
    def _spanning(self, pieces: Sequence[tuple[Traced, str]]) -> Iterator[None]:
        if not self._open:
            yield
            return
        held = [
            (self._open[key], code)
            for piece, code in pieces
            if (key := (piece.pk, piece.attempt)) in self._open
        ]
        since, broken = time.time_ns(), "not stored"
        try:
            yield
            broken = ""
        finally:
            for whole, code in held:
                settled = tracing.begin(
                    f"settle {self._name}",
                    parent=whole.traceparent,
                    since=since,
                    attributes={"pedi.settled_together": len(held)},
                )
                if broken:
                    settled.fail(broken)
                elif code:
                    whole.fail(code)
                settled.end()

    def end(self, pieces: Iterable[Traced]) -> None:
        """End the spans of pieces that are settled, or lost."""
        for piece in pieces:
            if whole := self._open.pop((piece.pk, piece.attempt), None):
                whole.end()


def _tell(attempt: int, code: str) -> None:
    if code:
        logger.info("Attempt %d failed (%s)", attempt, code)
    else:
        logger.info("Attempt %d is done", attempt)


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000
