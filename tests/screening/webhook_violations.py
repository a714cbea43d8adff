"""For each constraint on webhooks, rows that it must refuse."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from screening.models import Case, Job, WebhookDelivery, WebhookEndpoint
from screening.services.keys import default_clinic

THEN = datetime(2026, 1, 2, tzinfo=UTC)


def make_endpoint(**values: Any) -> WebhookEndpoint:
    values = {"url": "https://clinic.example.org/told", **values}
    return WebhookEndpoint.objects.create(clinic=default_clinic(), **values)


def make_job() -> Job:
    case = Case.objects.create(clinic=default_clinic(), case_id="told")
    return Job.objects.create(
        case=case, clinic=case.clinic, client="key:abcd1234", payload={}
    )


def delivery(**values: Any) -> Callable[[Any], Any]:
    """Return what stores a delivery of which one thing is wrong."""

    def violate(user: Any) -> WebhookDelivery:
        given = {"event": "job.completed", "job": make_job(), **values}
        return WebhookDelivery.objects.create(endpoint=make_endpoint(), **given)

    return violate


VIOLATIONS = [
    ("webhook_url_once_per_clinic", lambda user: [make_endpoint(), make_endpoint()]),
    ("webhook_state_known", lambda user: make_endpoint(state="resting")),
    ("webhook_status_known", delivery(status="LOST")),
    ("webhook_finished_iff_ended", delivery(status="DONE")),
    ("webhook_finished_iff_ended", delivery(finished_at=THEN)),
    ("webhook_leased_iff_running", delivery(status="RUNNING")),
    ("webhook_leased_iff_running", delivery(lease_until=THEN)),
    (
        "webhook_given_up_has_code",
        delivery(status="FAILED", finished_at=THEN, error_code=""),
    ),
    ("webhook_event_known", delivery(event="job.lost")),
    ("webhook_tells_of_a_job_or_is_a_test", delivery(job=None)),
    ("webhook_tells_of_a_job_or_is_a_test", delivery(event="webhook.test")),
]
