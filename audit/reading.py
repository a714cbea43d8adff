"""Reading and refusing, accounted for: the same again is one event in a while.

During a request it is only noted. The door writes the notes once the answer is ready,
outside of every transaction of the request and before any of the answer is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass

from audit.entries import Event
from audit.memory import Memory
from audit.services import record

READ_SECONDS = 300.0
REFUSED_SECONDS = 60.0
MOST_REMEMBERED = 50_000

RECENT = Memory(most=MOST_REMEMBERED)
"""What this process has recorded. What it forgets, or another one knows, is recorded
once more: nothing is ever left out for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """That something was read or refused. The event is only made if it is recorded."""

    key: Hashable
    event: Callable[[], Event]
    seconds: float = READ_SECONDS


notes: ContextVar[list[Note] | None] = ContextVar("notes", default=None)
"""Set by a middleware for the time of one request; nothing outside of one."""


def note_read(event: Event, *, again_after: float = READ_SECONDS) -> None:
    """Account for a reading: with the answer to the request, or at once without one.

    The same person reading the same is one event in so many seconds.
    """
    about = (event.clinic, event.case_id, event.job_id)
    note = Note(
        key=(event.action, event.actor, *about, *sorted((event.detail or {}).items())),
        event=lambda: event,
        seconds=again_after,
    )
    taken = notes.get()
    if taken is None:
        write([note])
    else:
        taken.append(note)


def write_read(event: Event) -> None:
    """Account for a reading at once, and each time: what a command is about to say."""
    record([event])


def write(noted: Iterable[Note]) -> None:
    """Store what was not stored lately, by one statement, outside of any transaction.

    Raises:
        DatabaseError: it could not be stored; then it is not remembered either.
    """
    now = time.monotonic()
    fresh = {note.key: note for note in noted if not RECENT.holds(note.key, now=now)}
    if not fresh:
        return
    record([note.event() for note in fresh.values()])
    for note in fresh.values():
        RECENT.keep(note.key, until=now + note.seconds)
