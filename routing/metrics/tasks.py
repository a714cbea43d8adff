"""How tasks do: what the audit log has counted, and what is on the streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from redis import Redis

from audit.actions import Action
from audit.counting import Number
from audit.counting import counts as events
from claims.work import WORKER_LOST
from routing import streams
from routing.connection import connect
from routing.counts import DATABASE_ERRORS, QUEUED, SYNC, counts
from routing.errors import codes
from routing.fairness import PRIORITIES
from routing.models.tasks import Priority, TaskType
from routing.services.ending import NOT_STORABLE

OTHER = "other"
HEARD_MS = 60_000
OUTCOMES = ("completed", "failed", "timeout", "no_agent")
QUEUES = (*(streams.STREAM.format(priority) for priority in PRIORITIES), "tasks:dlq")


class TaskCollector(Collector):
    """The metrics of tasks, from the database."""

    source = "database"

    def collect(self) -> Iterator[Metric]:
        """Read the counts, and say how the tasks do."""
        numbers = events()
        yield _submitted(numbers)
        yield _by_reason(
            numbers,
            "orchestrator_tasks_failed",
            "Tasks that were given up, by why; most of them are dead letters.",
            (Action.TASK_FAILED, Action.TASK_DEAD),
        )
        yield _by_reason(
            numbers,
            "orchestrator_tasks_requeued",
            "Tasks that were put back to be tried again, by why.",
            (Action.TASK_RELEASED,),
        )
        yield CounterMetricFamily(
            "orchestrator_tasks_completed",
            "Tasks that an agent has done.",
            value=sum(n.number for n in numbers if n.action == Action.TASK_COMPLETED),
        )


class StreamCollector(Collector):
    """The metrics of the streams, from Redis."""

    source = "redis"

    def collect(self) -> Iterator[Metric]:
        """Ask how long the streams are, and who reads them.

        Raises:
            RedisError: Redis is away.
        """
        redis = _redis()
        size = GaugeMetricFamily(
            "orchestrator_queue_size",
            "Entries that a group of workers has still to read or to acknowledge.",
            labels=["queue"],
        )
        for priority in PRIORITIES:
            size.add_metric(
                [streams.STREAM.format(priority)],
                streams.unread_by_any(redis, priority),
            )
        yield size
        yield GaugeMetricFamily(
            "orchestrator_stream_workers",
            "Stream workers that asked for tasks within the last minute.",
            value=streams.readers(redis, heard_ms=HEARD_MS),
        )


class CountCollector(Collector):
    """The metrics of what leaves no row behind, from Redis and this process."""

    source = "redis"

    def collect(self) -> Iterator[Metric]:
        """Read the counters that all processes share.

        Raises:
            RedisError: Redis is away, and nothing is known here.
        """
        found = counts().read()
        yield CounterMetricFamily(
            "pedi_orch_db_errors",
            "Statements and connections that the database failed.",
            value=found[DATABASE_ERRORS],
        )
        for name, words, label, key, values in (
            (
                "orchestrator_tasks_queued",
                "Times that a task was put on a stream.",
                "queue",
                QUEUED,
                QUEUES,
            ),
            (
                "orchestrator_sync_attempts",
                "Tasks that were tried at once, while their client waited.",
                "outcome",
                SYNC,
                OUTCOMES,
            ),
        ):
            family = CounterMetricFamily(name, words, labels=[label])
            for value in values:
                family.add_metric([value], found[key.format(value)])
            yield family


@lru_cache(maxsize=1)
def _redis() -> Redis:
    return connect()


def _submitted(numbers: list[Number]) -> Metric:
    family = CounterMetricFamily(
        "orchestrator_tasks",
        "Tasks that were accepted.",
        labels=["task_type", "priority"],
    )
    found: Counter[tuple[str, str]] = Counter()
    for each in numbers:
        if each.action == Action.TASK_SUBMITTED:
            kind = each.task_type if each.task_type in TaskType.values else OTHER
            priority = each.priority if each.priority in Priority.values else OTHER
            found[kind, priority] += each.number
    for labels, number in sorted(found.items()):
        family.add_metric(labels, number)
    return family


def _by_reason(
    numbers: list[Number], name: str, words: str, actions: tuple[Action, ...]
) -> Metric:
    known = codes() | {WORKER_LOST, NOT_STORABLE}
    found: Counter[str] = Counter()
    for each in numbers:
        if each.action in actions:
            found[each.code if each.code in known else OTHER] += each.number
    family = CounterMetricFamily(name, words, labels=["reason"])
    for reason, number in sorted(found.items()):
        family.add_metric([reason], number)
    return family
