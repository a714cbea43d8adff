"""How the audit log stands, for Prometheus: whether what happens is sealed in time."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from audit.models import Checkpoint, Pending
from audit.standing import oldest_waiting

MOST = 100_000
"""Nobody needs to know how many more wait where nothing is sealed."""


class SealCollector(Collector):
    """The metrics of sealing."""

    source = "database"

    def collect(self) -> Iterator[Metric]:
        """Read the last checkpoint, and what waits for the next."""
        last = Checkpoint.objects.values_list("size", flat=True).first()
        yield CounterMetricFamily(
            "pedi_orch_audit_sealed",
            "Events of the audit log that are sealed.",
            value=last or 0,
        )
        yield GaugeMetricFamily(
            "pedi_orch_audit_unsealed",
            f"Events that wait to be sealed, counted up to {MOST}.",
            value=Pending.objects.order_by()[:MOST].count(),
        )
        yield GaugeMetricFamily(
            "pedi_orch_audit_oldest_unsealed_seconds",
            "For how long the oldest of them has waited; 0 if none waits.",
            value=oldest_waiting().total_seconds(),
        )
