"""Having dead letters run again, and taking them off the stream of dead letters."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now
from redis.exceptions import RedisError

from audit.actions import Action
from audit.reading import write_read
from audit.services import Event, record
from routing import streams
from routing.connection import connect
from routing.models import Task
from routing.services.bell import ring_for
from routing.services.events import task_event

logger = logging.getLogger(__name__)

RATE = 10.0
"""How many dead letters run again in a second, unless somebody says otherwise."""

BULKY = ("payload", "consent", "meta", "route", "result")
TOGETHER = 100
SWEPT_TOGETHER = 500
LOOKED_THROUGH = 100
RUNG_EARLIER = timedelta(seconds=2)  # the clocks of Redis and the database differ
RUNG_LATER = timedelta(seconds=15)


# --- Which there are ------------------------------------------------------------------


def dead_letters(
    *,
    code: str = "",
    task_type: str = "",
    clinic: str = "",
    older_than: timedelta | None = None,
) -> QuerySet[Task]:
    """Return the dead letters, oldest first; each word given narrows them."""
    given = {"error_code": code, "task_type": task_type, "clinic": clinic}
    letters: QuerySet[Task] = Task.objects.all().dead()
    letters = letters.filter(**{name: word for name, word in given.items() if word})
    if older_than is not None:
        letters = letters.filter(dead_at__lt=Now() - older_than)
    return letters.order_by("dead_at", "id")


def note_looked(*, filters: Iterable[str], count: int, clinic: str, actor: str) -> None:
    """Store that somebody with a shell had so many dead letters counted.

    ``filters`` are the names of what narrowed them, never the words.
    """
    detail = {
        "command": "replay_dead_letters",
        "filters": sorted(filters),
        "count": count,
    }
    write_read(
        Event(action=Action.LIST_READ, actor=actor, clinic=clinic, detail=detail)
    )


def counted(tasks: QuerySet[Task]) -> list[tuple[str, str, int]]:
    """Count tasks by the code of what stopped them and by type, most first."""
    found = tasks.order_by().values_list("error_code", "task_type")
    return list(
        found.annotate(number=Count("pk")).order_by(
            "-number", "error_code", "task_type"
        )
    )


def in_turn(ids: Sequence[UUID]) -> Iterator[Task]:
    """Yield those of the tasks that are dead letters still, read a few at a time."""
    for start in range(0, len(ids), TOGETHER):
        some = ids[start : start + TOGETHER]
        letters = Task.objects.all().dead().defer(*BULKY).in_bulk(some)
        yield from (letters[pk] for pk in some if pk in letters)


# --- Having them run again ------------------------------------------------------------


def replay_task(task: Task, *, actor: str) -> bool:
    """Have one dead letter run again now; say whether it was one still."""
    return bool(replay_tasks([task], actor=actor))


def replay_tasks(tasks: Sequence[Task], *, actor: str, rate: float = 0) -> list[UUID]:
    """Have dead letters run again, ``rate`` a second; without a rate all at once now.

    Their failures and crashes are counted anew; their attempts go on counting, since
    they are the fence. Of several callers with the same task one replays it. Returns
    which were replayed: what is no dead letter any more is left as it is.
    """
    replayed = []
    for start in range(0, len(tasks), TOGETHER):
        pieces = tasks[start : start + TOGETHER]
        waits = {
            task.pk: (start + place) / rate if rate else 0.0
            for place, task in enumerate(pieces)
        }
        done = _replay(pieces, waits, actor)
        ring_for([task.pk for task in done if not waits[task.pk]])
        _take_off(done)
        replayed += [task.pk for task in done]
    return replayed


@transaction.atomic(durable=True)
def _replay(tasks: Sequence[Task], waits: dict[UUID, float], actor: str) -> list[Task]:
    # By id, so that two who replay the same tasks do not wait for each other.
    in_order = sorted(tasks, key=lambda task: task.pk)
    done = [task for task in in_order if _revive(task, waits[task.pk])]
    # Another may have had it run, and fail, since it was read.
    revived = Task.objects.filter(pk__in=[task.pk for task in done])
    attempts = dict(revived.values_list("pk", "attempt"))
    for task in done:
        task.attempt = attempts[task.pk]
    record(
        task_event(task, Action.TASK_REPLAYED, actor, code=task.error_code)
        for task in done
    )
    return done


def _revive(task: Task, wait: float) -> bool:
    """Make one dead letter pending; what waits is rung for when it is due."""
    letter = Task.objects.all().dead().filter(pk=task.pk, status=Task.Status.FAILED)
    revived = letter.update(
        status=Task.Status.PENDING,
        not_before=Now() + timedelta(seconds=wait) if wait else Now(),
        rung_at=None if wait else Now(),
        failures=0,
        crashes=0,
        error_code="",
        error="",
        dead_at=None,
        finished_at=None,
        updated_at=Now(),
    )
    return revived == 1


# --- The stream of dead letters -------------------------------------------------------


@lru_cache(maxsize=1)
def _redis() -> Any:
    return connect()


def _take_off(tasks: Sequence[Task]) -> None:
    """Remove the entries of replayed tasks where they should be, by their time.

    What is not found there, or while Redis is away, is left to the sweep.
    """
    if not tasks:
        return
    redis = _redis()
    try:
        with redis.pipeline(transaction=False) as pipeline:
            for task in tasks:
                if task.dead_at is not None:
                    earliest = _milliseconds(task.dead_at - RUNG_EARLIER)
                    latest = _milliseconds(task.dead_at + RUNG_LATER)
                    pipeline.xrange(
                        streams.DEAD_LETTERS, earliest, latest, count=LOOKED_THROUGH
                    )
            looked_through = pipeline.execute()
        wanted = {task.pk for task in tasks}
        entries = {entry: fields for some in looked_through for entry, fields in some}
        found = [
            entry
            for entry, fields in entries.items()
            if streams._task_id(fields) in wanted
        ]
        if found:
            redis.xdel(streams.DEAD_LETTERS, *found)
    except RedisError as exc:
        logger.warning("Redis let go of no dead letter (%s)", type(exc).__name__)


def sweep_dead_letters(redis: Any) -> int:
    """Remove the entries whose task is a dead letter no longer; return how many.

    An entry that names no task is left: it is not ours.

    Raises:
        RedisError: Redis is away.
    """
    removed, after = 0, "-"
    while found := redis.xrange(streams.DEAD_LETTERS, after, count=SWEPT_TOGETHER):
        named = {entry: streams._task_id(fields) for entry, fields in found}
        still = set(
            Task.objects.all()
            .dead()
            .filter(pk__in={pk for pk in named.values() if pk is not None})
            .values_list("pk", flat=True)
        )
        gone = [e for e, pk in named.items() if pk is not None and pk not in still]
        if gone:
            removed += int(redis.xdel(streams.DEAD_LETTERS, *gone))
        after = f"({found[-1][0].decode()}"
    return removed


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
