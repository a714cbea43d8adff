"""What waits to be signed, read from the database when it is asked for.

So it is right whichever process answers, and after a restart. Only open reviews are
read, which have indexes of their own; no clinic and no case is named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from screening.models import Review, Risk, WebhookDelivery

WAITS_FOR_READER = Q(second_read=None) & (
    ~Q(second_read_for="") | (Q(listed_risk=Risk.REFER) & ~Q(risk=Risk.REFER))
)


class ReviewCollector(Collector):
    """The metrics of reviews."""

    source = "database"

    def collect(self) -> Iterator[Metric]:
        """Read the open reviews once through, and say what waits."""
        rows = {row["risk"]: row for row in _open_by_risk()}
        yield _open(rows)
        yield _gauge(
            "pedi_orch_reviews_overdue",
            "Reviews that are past their due time and not signed.",
            sum(row["overdue"] for row in rows.values()),
        )
        yield _gauge(
            "pedi_orch_reviews_escalated",
            "Reviews that were escalated to the supervisors and are not signed.",
            sum(row["escalated"] for row in rows.values()),
        )
        yield _gauge(
            "pedi_orch_second_reads_waiting",
            "Reviews that need a second reader's view and have none.",
            sum(row["for_reader"] for row in rows.values()),
        )
        oldest = min((row["oldest"] for row in rows.values()), default=None)
        waited = (timezone.now() - oldest).total_seconds() if oldest else 0.0
        yield _gauge(
            "pedi_orch_review_oldest_wait_seconds",
            "How long the oldest review has waited to be signed; 0 if none waits.",
            max(waited, 0.0),
        )


class WebhookCollector(Collector):
    """The metrics of what clinics' own systems are to be told."""

    source = "database"

    def collect(self) -> Iterator[Metric]:
        """Count what waits and what was given up; partial indexes hold just these."""
        kept = WebhookDelivery.objects.order_by()
        waiting = kept.filter(status__in=["PENDING", "RUNNING"]).aggregate(
            number=Count("pk"), oldest=Min("created_at")
        )
        yield _gauge(
            "pedi_orch_webhooks_pending",
            "Webhooks that no receiver has taken yet, and that are still tried.",
            waiting["number"],
        )
        yield _gauge(
            "pedi_orch_webhooks_dead",
            "Webhooks that were given up and not sent again.",
            kept.filter(status="FAILED").count(),
        )
        oldest = waiting["oldest"]
        waited = (timezone.now() - oldest).total_seconds() if oldest else 0.0
        yield _gauge(
            "pedi_orch_webhook_oldest_pending_seconds",
            "How long the oldest pending webhook has waited; 0 if none waits.",
            max(waited, 0.0),
        )


def _open_by_risk() -> Any:
    return (
        Review.objects.filter(state=Review.State.REQUIRES_REVIEW)
        .order_by()
        .values("risk")
        .annotate(
            number=Count("pk"),
            overdue=Count("pk", filter=Q(due_at__lte=Now())),
            escalated=Count("pk", filter=Q(escalated_at__isnull=False)),
            for_reader=Count("pk", filter=WAITS_FOR_READER),
            oldest=Min("created_at"),
        )
    )


def _open(rows: Mapping[str, Any]) -> Metric:
    gauge = GaugeMetricFamily(
        "pedi_orch_reviews_open",
        "Reviews that are not signed, by the risk that they have now.",
        labels=["risk"],
    )
    for risk in Risk.values:
        gauge.add_metric([risk], rows[risk]["number"] if risk in rows else 0)
    return gauge


def _gauge(name: str, words: str, value: float) -> Metric:
    gauge = GaugeMetricFamily(name, words)
    gauge.add_metric([], value)
    return gauge
