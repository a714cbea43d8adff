"""Redis Streams: the doorbell of tasks. The rows are the truth, and no entry is.

    tasks:urgent  tasks:high  tasks:normal  tasks:low      ids of tasks to be run
    tasks:dlq                                              ids of dead letters

Each kind of worker reads through a consumer group of its own. An entry is acknowledged
once its row is claimed: from then on the lease is what counts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from redis import Redis
from redis.exceptions import ResponseError

from routing.counts import KEY, QUEUED
from routing.fairness import PRIORITIES, Fairness
from routing.models.tasks import private_id, public_id

logger = logging.getLogger(__name__)

STREAM = "tasks:{}"
DEAD_LETTERS = "tasks:dlq"
GROUP = "workers"
ID, DATA = "id", "data"
ADDED_TOGETHER = 500
MOST_GROUPS = 20


def group_of(capabilities: Sequence[str]) -> str:
    """Name the consumer group: ``workers``, or that of workers for some of the work."""
    return ":".join([GROUP, *sorted(capabilities)])


def ring(redis: Redis, rows: Iterable[Mapping[str, Any]], *, with_data: bool) -> None:
    """Add entries for tasks that may be run; each row has ``id`` and ``priority``.

    ``with_data`` writes the earlier system's one field ``data`` instead of the id
    alone, for foreign consumers; rows then hold what goes in.

    Raises:
        RedisError: Redis is away; the rows are still pending.
    """
    _add(redis, [(STREAM.format(row["priority"]), row) for row in rows], with_data)


def ring_dead(
    redis: Redis, rows: Iterable[Mapping[str, Any]], *, with_data: bool
) -> None:
    """Add entries for dead letters.

    Raises:
        RedisError: Redis is away.
    """
    _add(redis, [(DEAD_LETTERS, row) for row in rows], with_data)


def _add(
    redis: Redis, entries: list[tuple[str, Mapping[str, Any]]], with_data: bool
) -> None:
    for start in range(0, len(entries), ADDED_TOGETHER):
        with redis.pipeline(transaction=False) as pipeline:
            for stream, row in entries[start : start + ADDED_TOGETHER]:
                pipeline.xadd(stream, _entry(row, with_data))
                pipeline.hincrby(KEY, QUEUED.format(stream), 1)
            pipeline.execute()


def _entry(row: Mapping[str, Any], with_data: bool) -> dict[Any, Any]:
    task_id = public_id(row["id"])
    if not with_data:
        return {ID: task_id}
    data = {key: value for key, value in row.items() if key != "id"}
    return {DATA: json.dumps({"task_id": task_id, **data}, default=str)}


class Reader:
    """One consumer of all four streams. Not for several threads."""

    def __init__(
        self, redis: Redis, *, waiting_line: Redis, group: str, consumer: str
    ) -> None:
        self._redis: Any = redis
        self._waiting_line: Any = waiting_line
        self._fairness = Fairness()
        self.group = group
        self.consumer = consumer
        self.lost = False
        """Whether Redis had forgotten the groups, and what was in the streams."""

    def read(self, free: int, *, block_ms: int) -> dict[str, list[tuple[Any, UUID]]]:
        """Take up to ``free`` entries; wait for some when there are none.

        Returns the entries with their tasks' ids, by stream. What is not readable is
        acknowledged and dropped.

        Raises:
            RedisError: Redis is away.
        """
        try:
            found = self._read(free)
            if not any(found.values()):
                found = self._wait(block_ms)
        except ResponseError as exc:
            if "NOGROUP" not in str(exc):
                raise
            self.make_groups()
            self.lost = True
            return {}
        return {stream: self._ids(stream, raw) for stream, raw in found.items() if raw}

    def _read(self, free: int) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        taken: dict[str, int] = {}
        reserved = self._fairness.reserved(free)
        for priority, places in reserved.items():
            entries = self._entries(priority, places)
            found[STREAM.format(priority)] = entries
            taken[priority] = len(entries)
            if len(entries) < places:
                self._fairness.forget(priority)
        for priority in PRIORITIES:
            left = free - sum(taken.values())
            if left <= 0:
                break
            entries = self._entries(priority, left)
            found.setdefault(STREAM.format(priority), []).extend(entries)
            taken[priority] = taken.get(priority, 0) + len(entries)
        self._fairness.note(taken)
        return found

    def _entries(self, priority: str, most: int) -> list[Any]:
        streams = {STREAM.format(priority): ">"}
        found = self._redis.xreadgroup(self.group, self.consumer, streams, count=most)
        return found[0][1] if found else []

    def _wait(self, block_ms: int) -> dict[str, list[Any]]:
        streams = {STREAM.format(priority): ">" for priority in PRIORITIES}
        found = self._waiting_line.xreadgroup(
            self.group, self.consumer, streams, count=1, block=block_ms
        )
        return {stream.decode(): entries for stream, entries in found or []}

    def _ids(self, stream: str, entries: list[Any]) -> list[tuple[Any, UUID]]:
        found, unreadable = [], []
        for entry, fields in entries:
            task_id = _task_id(fields or {})
            if task_id is None:
                unreadable.append(entry)
            else:
                found.append((entry, task_id))
        if unreadable:
            logger.warning("A stream held something that is no task")
            self._redis.xack(stream, self.group, *unreadable)
        return found

    def acknowledge(self, read: Mapping[str, list[tuple[Any, UUID]]]) -> None:
        """Say that the entries need not come again."""
        with self._redis.pipeline(transaction=False) as pipeline:
            for stream, entries in read.items():
                if entries:
                    pipeline.xack(stream, self.group, *[entry for entry, _ in entries])
            pipeline.execute()

    def take_over(self, *, idle_ms: int) -> dict[str, list[tuple[Any, UUID]]]:
        """Take entries whose consumer died between reading and claiming."""
        found = {}
        for priority in PRIORITIES:
            stream = STREAM.format(priority)
            _, entries, *_ = self._redis.xautoclaim(
                stream, self.group, self.consumer, min_idle_time=idle_ms, count=100
            )
            if entries:
                found[stream] = self._ids(stream, entries)
        return found

    def make_groups(self) -> None:
        """Make the group on each stream, from its beginning."""
        for priority in PRIORITIES:
            try:
                self._redis.xgroup_create(
                    STREAM.format(priority), self.group, id="0", mkstream=True
                )
            except ResponseError as exc:
                if "BUSYGROUP" not in str(exc):
                    raise

    def leave(self) -> None:
        """Take this consumer out of the groups; what it had read is taken over."""
        for priority in PRIORITIES:
            pending = self._redis.xpending_range(
                STREAM.format(priority),
                self.group,
                "-",
                "+",
                1,
                consumername=self.consumer,
            )
            if not pending:
                self._redis.xgroup_delconsumer(
                    STREAM.format(priority), self.group, self.consumer
                )


def unread(redis: Any, priority: str, group: str) -> int:
    """Count the entries that a group has still to read or to acknowledge.

    Raises:
        RedisError: Redis is away.
    """
    return _unread(redis, priority).get(group, 0)


def unread_by_any(redis: Any, priority: str) -> int:
    """Count the same for the group that is furthest behind.

    Raises:
        RedisError: Redis is away.
    """
    unread_by = _unread(redis, priority)
    # Before the first worker there is no group, and nobody has read anything.
    return max(unread_by.values()) if unread_by else _length(redis, priority)


def readers(redis: Any, *, heard_ms: int) -> int:
    """Count the workers that asked for entries not longer ago than that.

    Raises:
        RedisError: Redis is away.
    """
    stream = STREAM.format(PRIORITIES[0])
    return sum(
        consumer["idle"] <= heard_ms
        for group in _groups(redis, PRIORITIES[0])[:MOST_GROUPS]
        for consumer in redis.xinfo_consumers(stream, group["name"])
    )


def _unread(redis: Any, priority: str) -> dict[str, int]:
    return {
        found["name"].decode(): int(found.get("lag") or 0) + int(found["pending"])
        for found in _groups(redis, priority)
    }


def _length(redis: Any, priority: str) -> int:
    return int(redis.xlen(STREAM.format(priority)))


def _groups(redis: Any, priority: str) -> list[dict[str, Any]]:
    try:
        return list(redis.xinfo_groups(STREAM.format(priority)))
    except ResponseError:
        return []


def trim(redis: Any, priority: str, *, most: int) -> int:
    """Drop the oldest entries beyond ``most`` that every group has done with.

    Returns how many were dropped. An entry that a group has still to read or to
    acknowledge stays, however long the stream.
    """
    stream = STREAM.format(priority)
    if redis.xlen(stream) <= most:
        return 0
    oldest_needed = []
    for group in redis.xinfo_groups(stream):
        pending = redis.xpending(stream, group["name"])
        oldest_needed.append(
            pending["min"] if pending["pending"] else _next(group["last-delivered-id"])
        )
    first_kept = redis.xrevrange(stream, count=most)[-1][0]
    safe = min([*oldest_needed, first_kept], key=_order)
    return int(redis.xtrim(stream, minid=safe, approximate=False))


def _order(entry: bytes) -> tuple[int, ...]:
    return tuple(map(int, entry.split(b"-")))


def _next(entry: bytes) -> bytes:
    milliseconds, number = _order(entry)
    return b"%d-%d" % (milliseconds, number + 1)


def _task_id(fields: Mapping[bytes, bytes]) -> UUID | None:
    """Read a task's id out of an entry of either form; None if there is none."""
    try:
        if ID.encode() in fields:
            return private_id(fields[ID.encode()].decode())
        return private_id(json.loads(fields[DATA.encode()])["task_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
