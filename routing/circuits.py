"""The circuits of all targets: shared through Redis, this process's own without it.

Every worker sees within a moment what another has met, so that a server that is down
gets a probe a second from all of them together.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from routing.breaker import (
    CLOSED,
    LONGEST_ASKED_FOR,
    MOST_OPENINGS,
    Circuit,
    after_failure,
    after_success,
)
from routing.errors import RoutingError, TryAnother

logger = logging.getLogger(__name__)

KEY = "pediscreen:circuits"
PROBE = "pediscreen:probe:{}"
PROBE_MILLISECONDS = 1000
LOOK_AGAIN_SECONDS = 0.25
QUIET_SECONDS = 1.0


class Circuits:
    """What is known of each target by name. Safe in several threads.

    A closed circuit with no failures costs nothing: only changes are written.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._lock = threading.Lock()
        self._known: dict[str, Circuit] = {}
        self._probed: dict[str, float] = {}
        self._looked_at = 0.0
        self._quiet_until = 0.0

    def of(self, target: str) -> Circuit:
        """Return what is known of a target, a quarter of a second old at most."""
        self._look()
        return self._known.get(target, CLOSED)

    def state(self, target: str) -> str:
        """Return ``closed``, ``open`` or ``half_open``."""
        return self.of(target).state(time.time())

    def allows(self, target: str) -> bool:
        """Say whether a call may go to the target now: a probe once a second."""
        state = self.state(target)
        if state != "half_open":
            return state == "closed"
        return self._take_probe(target)

    def resting(self, targets: Iterable[str], *, probing: str = "") -> dict[str, float]:
        """Name the targets that no call may go to now, and for how many seconds yet.

        For a target that is due for a probe this takes the probe: ask it then.
        ``probing`` names one whose probe was taken already.
        """
        now = time.time()
        return {
            target: max(self.of(target).open_until - now, PROBE_MILLISECONDS / 1000)
            for target in targets
            if target != probing and not self.allows(target)
        }

    def take_probe_of_any(self, targets: Iterable[str]) -> str:
        """Take the probe of the first target that is due for one; return its name."""
        for target in targets:
            if self.allows(target):
                return target
        return ""

    def any_closed(self, targets: Iterable[str]) -> bool:
        """Say whether calls go freely to one of the targets at least."""
        return any(self.state(target) == "closed" for target in targets)

    def note(self, target: str, *, error: RoutingError | None) -> None:
        """Remember how a call ended. A server that refuses a request is well."""
        if isinstance(error, TryAnother):
            self.failed(target, error=error.code, retry_after=error.retry_after)
        else:
            self.succeeded(target)

    def succeeded(self, target: str) -> None:
        """Remember that the target answered."""
        if self.of(target) != CLOSED:
            self._change(target, after_success)

    def failed(self, target: str, *, error: str, retry_after: float | None) -> None:
        """Remember that the target failed."""

        def count(circuit: Circuit) -> Circuit:
            now = time.time()
            return after_failure(circuit, now=now, error=error, retry_after=retry_after)

        self._change(target, count)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked_at < LOOK_AGAIN_SECONDS or now < self._quiet_until:
            return
        self._looked_at = now
        try:
            found: Any = self._redis.hgetall(KEY)
        except RedisError as exc:
            self._be_quiet(exc)
            return
        with self._lock:
            self._known = {
                name.decode(errors="replace"): _read(raw) for name, raw in found.items()
            }

    def _take_probe(self, target: str) -> bool:
        now = time.monotonic()
        if now >= self._quiet_until:
            try:
                key = PROBE.format(target)
                return bool(self._redis.set(key, 1, nx=True, px=PROBE_MILLISECONDS))
            except RedisError as exc:
                self._be_quiet(exc)
        with self._lock:
            due = now - self._probed.get(target, 0.0) >= PROBE_MILLISECONDS / 1000
            if due:
                self._probed[target] = now
        return due

    def _change(self, target: str, step: Callable[[Circuit], Circuit]) -> None:
        """Change a circuit where all see it; where that fails, here alone."""

        def change(pipeline: Any) -> Circuit:
            found = pipeline.hget(KEY, target)
            changed = step(_read(found) if found else CLOSED)
            pipeline.multi()
            pipeline.hset(KEY, target, json.dumps(asdict(changed)))
            return changed

        changed = None
        if time.monotonic() >= self._quiet_until:
            try:
                changed = self._redis.transaction(change, KEY, value_from_callable=True)
            except RedisError as exc:
                self._be_quiet(exc)
        with self._lock:
            self._known[target] = changed or step(self._known.get(target, CLOSED))

    def _be_quiet(self, exc: RedisError) -> None:
        """Leave Redis alone for a second: a hung one costs half a second a question."""
        self._quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning("Circuits are not shared now (%s)", type(exc).__name__)


def _read(raw: bytes) -> Circuit:
    """Read what Redis holds, which is not to be trusted: what cannot be is closed.

    Else one bad entry would stop every worker, and a far cool-down every job.
    """
    try:
        found = json.loads(raw)
        circuit = Circuit(
            failures=int(found["failures"]),
            openings=min(max(int(found["openings"]), 0), MOST_OPENINGS),
            open_until=float(found["open_until"]),
            last_error=str(found["last_error"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return CLOSED
    # So written, a NaN is too far as well.
    near = circuit.open_until <= time.time() + LONGEST_ASKED_FOR
    return circuit if near else CLOSED
