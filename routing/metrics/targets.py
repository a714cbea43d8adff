"""How the targets do, read from the database and Redis when it is asked for.

So it is right whichever process answers, and after a restart. Agents are counted, not
named: labels are bounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from routing.latency import DURATIONS
from routing.models import TargetHealth
from routing.services.overview import Row, overview

CONFIGURED = ("edge", "cloud")
AGENTS = "agents"
NAMED = (*CONFIGURED, AGENTS)
CIRCUITS = {"closed": 0, "half_open": 1, "open": 2}
STATES = (
    "ready",
    "ill by its health check",
    "resting",
    "being probed",
    "not heard of",
    "not approved yet",
    "disabled",
    "its endpoint is not allowed",
    "pulls its work",
)


class TargetCollector(Collector):
    """The metrics of model servers and agents."""

    source = "database"

    def collect(self) -> Iterator[Metric]:
        """Read how every target does, and say it."""
        rows = overview()
        configured = [row for row in rows if row.agent is None]
        yield _circuits(configured)
        yield from _calls(configured)
        yield _agents([row for row in rows if row.agent is not None])
        yield _durations(TargetHealth.objects.order_by())


def _circuits(rows: list[Row]) -> Metric:
    gauge = GaugeMetricFamily(
        "pedi_orch_circuit_state",
        "Whether calls go to a model server: 0 closed (freely), 1 half open, 2 open.",
        labels=["target"],
    )
    for row in rows:
        gauge.add_metric([row.name], CIRCUITS[row.circuit])
    return gauge


def _calls(rows: list[Row]) -> Iterator[Metric]:
    latency = GaugeMetricFamily(
        "pedi_orch_target_latency_seconds",
        "How long a model server takes, learnt from answered calls.",
        labels=["target", "quantile"],
    )
    calls = CounterMetricFamily(
        "pedi_orch_target_calls",
        "Calls of a model server that were answered, and that failed.",
        labels=["target", "outcome"],
    )
    ill = GaugeMetricFamily(
        "pedi_orch_target_ill",
        "1 while a model server fails its health checks.",
        labels=["target"],
    )
    for row in rows:
        ill.add_metric([row.name], int(row.standing.ill))
        if row.health is None:
            continue
        for quantile, found in (
            ("0.5", row.health.p50_ms),
            ("0.95", row.health.p95_ms),
        ):
            if found is not None:
                latency.add_metric([row.name, quantile], found / 1000)
        calls.add_metric([row.name, "answered"], row.health.answered)
        calls.add_metric([row.name, "failed"], row.health.failed)
    yield from (latency, calls, ill)


def _durations(seen: Iterable[TargetHealth]) -> Metric:
    family = HistogramMetricFamily(
        "pedi_orch_inference_duration_seconds",
        "How long calls took that were answered, or waited for in vain.",
        labels=["target"],
    )
    calls = {name: [0] * (len(DURATIONS) + 1) for name in NAMED}
    seconds = dict.fromkeys(NAMED, 0.0)
    for health in seen:
        name = health.name if health.name in CONFIGURED else AGENTS
        for at, number in health.durations.items():
            calls[name][int(at)] += number
        seconds[name] += health.seconds
    for name in NAMED:
        ends = [*map(str, DURATIONS), "+Inf"]
        buckets = list(zip(ends, accumulate(calls[name]), strict=True))
        family.add_metric([name], buckets, seconds[name])
    return family


def _agents(rows: list[Row]) -> Metric:
    gauge = GaugeMetricFamily(
        "pedi_orch_agents", "Registered agents, by what they are.", labels=["state"]
    )
    counted = Counter(row.state for row in rows)
    for state in STATES:
        gauge.add_metric([state], counted[state])
    return gauge
