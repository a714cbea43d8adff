"""Noting what is to be told, in the transaction of what it tells of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from screening.models import Job, Review, WebhookDelivery, WebhookEndpoint
from screening.webhooks import COMPLETED, FAILED, SIGNED_OFF


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """Something that happened to a job. The job comes with its payload."""

    job: Job
    event: str
    status: str
    review_state: str = ""


def completed(job: Job) -> News:
    """Tell that a draft is stored, and its review open."""
    return News(
        job=job,
        event=COMPLETED,
        status=Job.Status.DONE,
        review_state=Review.State.REQUIRES_REVIEW,
    )


def failed(job: Job) -> News:
    """Tell that a job has failed, whichever way."""
    return News(job=job, event=FAILED, status=Job.Status.FAILED)


def signed_off(job: Job) -> News:
    """Tell that a clinician has signed."""
    return News(
        job=job,
        event=SIGNED_OFF,
        status=Job.Status.DONE,
        review_state=Review.State.SIGNED_OFF,
    )


def tell(news: Iterable[News]) -> None:
    """Store a delivery for each endpoint that wants to know, and each callback URL.

    Inside the caller's transaction, so that both are stored or none. One query where
    no clinic concerned has an endpoint, and none where there is no news.
    """
    told = list(news)
    if not told:
        return
    endpoints = WebhookEndpoint.objects.filter(
        clinic__in={each.job.clinic_id for each in told},
        state=WebhookEndpoint.State.ENABLED,
    ).only("clinic_id", "url", "events")
    deliveries = [
        delivery
        for endpoint in list(endpoints)
        for each in told
        if each.job.clinic_id == endpoint.clinic_id
        if (delivery := _delivery(endpoint, each)) is not None
    ]
    if deliveries:
        WebhookDelivery.objects.bulk_create(deliveries)


def _delivery(endpoint: WebhookEndpoint, news: News) -> WebhookDelivery | None:
    url = ""
    if endpoint.is_for_callbacks:
        url = news.job.payload.get("callback_url", "")
        if not url:
            return None
    if news.event not in endpoint.events:
        return None
    return WebhookDelivery(
        endpoint=endpoint,
        url=url,
        event=news.event,
        job_id=news.job.pk,
        job_status=news.status,
        review_state=news.review_state,
    )
