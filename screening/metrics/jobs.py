"""How jobs do: what the audit log has counted, and what is in the table and in Redis.

So it is right whichever process answers, and after a restart. No clinic and no case is
named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.db.models import Count, F, Max, Q
from django.db.models.functions import Now
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from audit.actions import Action
from audit.counting import Number, counts
from claims.work import WORKER_LOST
from routing.errors import codes
from routing.models import Task
from screening import queue
from screening.models import Job
from screening.models.jobs import JobQuerySet

OTHER = "other"
NOT_STORABLE = "RESULT_NOT_STORABLE"


class JobCollector(Collector):
    """The metrics of jobs, from the database."""

    source = "database"

    def collect(self) -> Iterator[Metric]:
        """Read two partial indexes and the counts, and say how the jobs do."""
        yield from _waiting()
        yield _dead()
        yield from _counted(counts())


class WorkerCollector(Collector):
    """The metrics of screening workers, from Redis."""

    source = "redis"

    def collect(self) -> Iterator[Metric]:
        """Count the workers that were heard of within the last minute.

        Raises:
            RedisError: Redis is away.
        """
        yield GaugeMetricFamily(
            "pedi_orch_worker_count",
            "Screening workers that were heard of within the last minute.",
            value=queue.workers(queue.inference_queue()),
        )


def waiting() -> JobQuerySet:
    """Return the jobs that wait, which an index of their own holds."""
    return Job.objects.filter(status=Job.Status.PENDING).order_by()


def dead() -> JobQuerySet:
    """Return the jobs that were given up, which an index of their own holds."""
    return Job.objects.filter(status=Job.Status.FAILED).order_by()


def _waiting() -> Iterator[Metric]:
    is_due = Q(not_before__lte=Now())
    found = waiting().aggregate(
        due=Count("pk", filter=is_due),
        later=Count("pk", filter=~is_due),
        longest=Max(Now() - F("not_before"), filter=is_due),
    )
    longest = found["longest"]
    running = Job.objects.filter(status=Job.Status.RUNNING).count()
    for name, words, value in (
        ("queue_length", "Jobs that a worker may take now.", found["due"]),
        (
            "jobs_backing_off",
            "Jobs that were tried in vain, and wait for their next try.",
            found["later"],
        ),
        (
            "queue_oldest_seconds",
            "For how long the oldest of the jobs could have been taken; 0 for none.",
            longest.total_seconds() if longest else 0.0,
        ),
        ("jobs_running", "Jobs that a worker has.", running),
    ):
        yield GaugeMetricFamily(f"pedi_orch_{name}", words, value=value)


def _dead() -> Metric:
    gauge = GaugeMetricFamily(
        "pedi_orch_dead_letters",
        "Jobs and tasks that were given up and not replayed.",
        labels=["kind"],
    )
    gauge.add_metric(["job"], dead().count())
    gauge.add_metric(["task"], Task.objects.all().dead().count())
    return gauge


def _counted(numbers: list[Number]) -> Iterator[Metric]:
    by_action: Counter[str] = Counter()
    by_code: Counter[tuple[str, str]] = Counter()
    known = codes() | {WORKER_LOST, NOT_STORABLE}
    for each in numbers:
        by_action[each.action] += each.number
        code = each.code if each.code in known else OTHER
        by_code[each.action, code] += each.number
    for name, words, action in (
        ("jobs", "Jobs that were accepted.", Action.JOB_SUBMITTED),
        ("jobs_completed", "Jobs that have a draft.", Action.JOB_COMPLETED),
        ("jobs_failed", "Jobs that were given up.", Action.JOB_FAILED),
        ("jobs_replayed", "Jobs that were run again.", Action.JOB_REPLAYED),
        (
            "stale_results",
            "Answers that came after their claim had ended, and were refused.",
            Action.STALE_RESULT_REFUSED,
        ),
    ):
        yield CounterMetricFamily(f"pedi_orch_{name}", words, value=by_action[action])
    for name, words, action in (
        ("job_failures", "Jobs that were given up, by why.", Action.JOB_FAILED),
        (
            "jobs_requeued",
            "Jobs that were put back to be tried again, by why.",
            Action.JOB_RELEASED,
        ),
    ):
        family = CounterMetricFamily(f"pedi_orch_{name}", words, labels=["reason"])
        for (found, code), number in sorted(by_code.items()):
            if found == action:
                family.add_metric([code], number)
        yield family
    yield _lost(by_code)


def _lost(by_code: Counter[tuple[str, str]]) -> Metric:
    family = CounterMetricFamily(
        "pedi_orch_lease_expiries",
        "Claims whose worker did not renew its lease in time.",
        labels=["kind"],
    )
    for kind, actions in (
        ("job", (Action.JOB_RELEASED, Action.JOB_FAILED)),
        ("task", (Action.TASK_RELEASED, Action.TASK_DEAD)),
    ):
        lost = sum(by_code[action, WORKER_LOST] for action in actions)
        family.add_metric([kind], lost)
    return family
