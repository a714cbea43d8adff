"""Counters of what leaves no row behind: kept in Redis, shared by all processes.

While Redis is away a process keeps what it counts, and hands it over with the next of
its counts, or when it is read. What is in a process that dies meanwhile is lost, and a
Redis that loses its data begins at nothing, as Prometheus expects of counters.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from functools import lru_cache
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from routing.connection import connect

logger = logging.getLogger(__name__)

KEY = "pediscreen:counts"
QUIET_SECONDS = 1.0

DATABASE_ERRORS = "database_errors"
SYNC = "sync:{}"
QUEUED = "queued:{}"


class Counts:
    """The counters, as one process adds to them. Safe in several threads."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._lock = threading.Lock()
        self._kept: Counter[str] = Counter()
        self._quiet_until = 0.0

    def add(self, name: str) -> None:
        """Count one; a second of quiet after Redis failed, as elsewhere."""
        with self._lock:
            self._kept[name] += 1
        self._hand_over()

    def read(self) -> Counter[str]:
        """Return all counters; without Redis, what this process has kept.

        Raises:
            RedisError: Redis is away, and this process has kept nothing.
        """
        self._hand_over()
        try:
            found: Any = self._redis.hgetall(KEY)
        except RedisError:
            if not self._kept:
                raise
            found = {}
        with self._lock:
            kept = Counter(self._kept)
        for name, number in found.items():
            if number.isdigit():
                kept[name.decode(errors="replace")] += int(number)
        return kept

    def _hand_over(self) -> None:
        if time.monotonic() < self._quiet_until:
            return
        with self._lock:
            taken, self._kept = self._kept, Counter()
        if not taken:
            return
        try:
            with self._redis.pipeline() as pipeline:
                for name, number in taken.items():
                    pipeline.hincrby(KEY, name, number)
                pipeline.execute()
        except RedisError as exc:
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            logger.warning("Redis took no counts (%s)", type(exc).__name__)
            with self._lock:
                self._kept += taken


@lru_cache(maxsize=1)
def counts() -> Counts:
    """Return this process's own, made when it is first needed."""
    return Counts(connect())
