"""Invented webhook endpoints and deliveries: every state that a page can show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from screening.models import Job, WebhookDelivery, WebhookEndpoint
from screening.services.webhooks.endpoints import ALL_EVENTS
from screening.services.webhooks.secrets import fresh_secret

STATES: Sequence[dict[str, Any]] = [
    {"status": "DONE", "attempt": 1, "answered": 204},
    {"status": "PENDING"},
    {"status": "PENDING", "failures": 2, "attempt": 2, "error_code": "TIMEOUT"},
    {
        "status": "FAILED",
        "failures": 6,
        "attempt": 6,
        "answered": 503,
        "error_code": "HTTP_503",
    },
    {"status": "RUNNING", "attempt": 1},
    {"status": "FAILED", "attempt": 0, "error_code": "ENDPOINT_DISABLED"},
]


def make_webhooks(jobs: Sequence[Job], *, start: int) -> None:
    """Store an endpoint and a delivery for each job, in turn of every kind."""
    now = timezone.now()
    endpoints = WebhookEndpoint.objects.bulk_create(
        WebhookEndpoint(
            clinic=job.clinic,
            url=f"https://records-{n}.example.org/pediscreen" if n > 1 else "",
            events=ALL_EVENTS[: 1 + n % 3],
            state=["enabled", "enabled", "disabled", "gone"][n % 4],
            **fresh_secret()[1],
        )
        for n, job in enumerate(jobs, start)
    )
    for n, (job, endpoint) in enumerate(zip(jobs, endpoints, strict=True), start):
        values = dict(STATES[n % len(STATES)])
        happened = now - timedelta(minutes=7 * n)
        if values["status"] in {"DONE", "FAILED"}:
            values["finished_at"] = happened + timedelta(seconds=2)
        if values["status"] == "RUNNING":
            values["lease_until"] = now + timedelta(days=1)
        if values["status"] == "PENDING":
            values["not_before"] = now + timedelta(minutes=n)
        is_test = n % 7 == 6
        WebhookDelivery.objects.create(
            endpoint=endpoint,
            url="" if endpoint.url else f"https://callback-{n}.example.org/told",
            event="webhook.test" if is_test else ALL_EVENTS[n % 3],
            job=None if is_test else job,
            job_status="" if is_test else "DONE",
            review_state="" if is_test else "REQUIRES_REVIEW",
            created_at=happened,
            **values,
        )
