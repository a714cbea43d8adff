"""What Prometheus is told of jobs, workers, reviews and webhooks."""

from __future__ import annotations

from screening.metrics.jobs import JobCollector, WorkerCollector
from screening.metrics.reviews import ReviewCollector, WebhookCollector

__all__ = ["JobCollector", "ReviewCollector", "WebhookCollector", "WorkerCollector"]
