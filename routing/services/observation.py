"""What is seen of the targets: how their calls end, and whether they are well."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper
from django.db.models.functions import Now

from routing.circuits import Circuits
from routing.client import ModelClient
from routing.directory import read_known
from routing.errors import ModelTimeout, RoutingError, TryAnother
from routing.latency import bucket_of, merged, place_of, quantile
from routing.models import TargetHealth
from routing.protocols import protocol_of
from routing.targets import Target
from routing.tried import Tried

CHECK_SECONDS = 2.0
MOST_CHECKED_TOGETHER = 32
SLOW_SHARE = 0.8


@dataclass(kw_only=True, slots=True)
class Tally:
    """How the calls of one target ended since it was last stored."""

    latency: Counter[int] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    answered: int = 0
    failed: int = 0
    last_error: str = ""


class Tallies:
    """The tallies of one process. Safe in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_target: dict[str, Tally] = {}

    def note(
        self, target: str, *, seconds: float, error: RoutingError | None = None
    ) -> None:
        """Count one call. A refused request was answered, and in its time."""
        with self._lock:
            tally = self._by_target.setdefault(target, Tally())
            if isinstance(error, TryAnother):
                tally.failed += 1
                tally.last_error = error.code
            else:
                tally.answered += 1
            # How long other failures took says nothing of how long answers take.
            if not isinstance(error, TryAnother) or isinstance(error, ModelTimeout):
                tally.latency[bucket_of(1000 * seconds)] += 1
                tally.durations[place_of(seconds)] += 1
                tally.seconds += seconds

    def store(self) -> None:
        """Add what was counted to what is known of each target.

        Raises:
            OperationalError, InterfaceError: the database is away; nothing is lost.
        """
        with self._lock:
            taken, self._by_target = self._by_target, {}
        if not taken:
            return
        try:
            store_tallies(taken)
        except BaseException:
            self._give_back(taken)
            raise

    def _give_back(self, taken: Mapping[str, Tally]) -> None:
        with self._lock:
            for target, tally in taken.items():
                since = self._by_target.setdefault(target, Tally())
                since.latency += tally.latency
                since.durations += tally.durations
                since.seconds += tally.seconds
                since.answered += tally.answered
                since.failed += tally.failed
                since.last_error = since.last_error or tally.last_error


@transaction.atomic(durable=True)
def store_tallies(tallies: Mapping[str, Tally]) -> None:
    """Add tallies to the rows of their targets, and reckon p50 and p95 anew."""
    for name in sorted(tallies):
        tally = tallies[name]
        health, now = _locked(name)
        known = {int(bucket): weight for bucket, weight in health.latency.items()}
        elapsed = (now - health.latency_at).total_seconds()
        latency = merged(known, tally.latency, elapsed=elapsed)
        health.latency = {str(b): round(w, 3) for b, w in sorted(latency.items())}
        health.latency_at = now
        health.p50_ms, health.p95_ms = quantile(latency, 0.5), quantile(latency, 0.95)
        durations = Counter(health.durations)
        durations.update({str(at): n for at, n in tally.durations.items()})
        health.durations = dict(durations)
        health.seconds += tally.seconds
        health.answered += tally.answered
        health.failed += tally.failed
        if tally.answered:
            health.answered_at = now
        if tally.failed:
            health.failed_at = now
            health.last_error = tally.last_error
        health.save()


def report(tries: Iterable[Tried], circuits: Circuits, tallies: Tallies) -> None:
    """Tell the circuits and the tallies how each target did.

    A slow answer counts as none for the circuits. A server that refuses a request is
    well: it has answered.
    """
    slow = SLOW_SHARE * settings.ROUTING_TIMEOUT_SECONDS
    for tried in tries:
        tallies.note(tried.target, seconds=tried.seconds, error=tried.error)
        if not isinstance(tried.error, TryAnother) and tried.seconds > slow:
            circuits.failed(tried.target, error="SLOW", retry_after=None)
        else:
            circuits.note(tried.target, error=tried.error)


async def check_targets(
    client: ModelClient, targets: Iterable[Target]
) -> dict[str, str]:
    """Ask each target that has a health route how it is; return error codes by name.

    An empty code means well. A target without such a route is not in the answer.
    """
    asked = {
        target: url
        for target in targets
        if (url := protocol_of(target).health_url(target))
    }
    places = asyncio.Semaphore(MOST_CHECKED_TOGETHER)

    async def check(target: Target, url: str) -> tuple[str, str]:
        async with places:
            return target.name, await client.check(
                url, seconds=CHECK_SECONDS, guarded=target.is_agent
            )

    return dict(await asyncio.gather(*(check(t, url) for t, url in asked.items())))


class HealthWatch:
    """Looks after the health of all targets; for the one worker that leads."""

    def __init__(self) -> None:
        self._next = 0.0
        self._found: Future[dict[str, str]] | None = None

    def watch(self, client: ModelClient) -> None:
        """Begin the checks when it is time, and store what the last ones found.

        It never waits for a target: what is not answered yet is stored next time.

        Raises:
            OperationalError, InterfaceError: the database is away.
        """
        if self._found is not None and self._found.done():
            found, self._found = self._found.result(), None
            store_checks(found)
        now = time.monotonic()
        if self._found is None and now >= self._next:
            self._next = now + settings.HEALTH_CHECK_SECONDS
            self._found = client.start(check_targets(client, _worth_checking()))


def _worth_checking() -> list[Target]:
    """List the targets that would get work if they are well."""
    return [known.target for known in read_known() if not known.standing.unfit]


@transaction.atomic(durable=True)
def store_checks(codes: Mapping[str, str]) -> None:
    """Keep what health checks found: failures in a row, and the last error's code."""
    for name in sorted(codes):
        health, now = _locked(name)
        health.checked_at = now
        health.check_error = codes[name]
        health.check_failures = health.check_failures + 1 if codes[name] else 0
        health.save(update_fields=["checked_at", "check_error", "check_failures"])


def _locked(name: str) -> tuple[TargetHealth, datetime]:
    """Return a target's row, locked, and the database's time; made if need be."""
    TargetHealth.objects.get_or_create(name=name)
    now = ExpressionWrapper(Now(), output_field=DateTimeField())
    rows = TargetHealth.objects.select_for_update().annotate(time=now)
    health = rows.get(name=name)
    return health, health.time
