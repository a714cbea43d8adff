"""Deliveries, claimed and settled: the database's side of sending.

The mechanism is that of jobs: one conditional UPDATE claims, a lease runs out, a fence
refuses what comes too late. At least once, and the same id each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F
from django.db.models.functions import Coalesce, Now

from audit.actions import Action
from audit.services import Event, record
from claims.work import WORKER_LOST
from routing.endpoints import EndpointRefused
from screening.models import WebhookDelivery, WebhookEndpoint
from screening.services.webhooks.endpoints import DISABLED, switch_off
from screening.services.webhooks.receivers import check_receiver
from screening.services.webhooks.secrets import SecretLost, secrets_of
from screening.webhooks import body_of, headers_of, wait_after

LEASE_SECONDS = 30
"""Longer than a try may take."""

MOST_CRASHES = 10
MOST_OF_ONE = 4
"""Deliveries under way to one endpoint: one that hangs keeps no other waiting."""

LOOKED_AT = 200
GONE = 410
NOT_ALLOWED = "ADDRESS_NOT_ALLOWED"
SECRET_LOST = "SECRET_LOST"  # noqa: S105 - a code


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What is to be sent under one claim, or why it is not."""

    delivery: WebhookDelivery
    url: str = ""
    body: bytes = b""
    headers: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of one try: a status, or the code of why there is none."""

    delivery: WebhookDelivery
    status: int | None = None
    problem: str = ""
    retry_after: float | None = None

    @property
    def is_received(self) -> bool:
        """Say whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


# --- Claiming ---------------------------------------------------------------------


def claim_due(
    *, worker: str, most: int, under_way: Mapping[int, int] | None = None
) -> list[Parcel]:
    """Claim deliveries that are due, the longest due first; return what to send.

    ``under_way`` is how many go to each endpoint already. A delivery that another
    worker has claimed meanwhile is left out.
    """
    counted = Counter(under_way or {})
    full = [pk for pk, number in counted.items() if number >= MOST_OF_ONE]
    due = (
        WebhookDelivery.objects.due()
        .exclude(endpoint__in=full)
        .order_by("not_before")
        .values_list("pk", "endpoint_id")
    )
    chosen: list[UUID] = []
    for pk, endpoint in due[:LOOKED_AT] if most > 0 else []:
        if counted[endpoint] < MOST_OF_ONE and len(chosen) < most:
            counted[endpoint] += 1
            chosen.append(pk)
    if not chosen:
        return []
    now = ExpressionWrapper(Now(), output_field=DateTimeField())
    with transaction.atomic(durable=True):
        taken = _claim(chosen, worker)
        rows = list(
            WebhookDelivery.objects.filter(pk__in=taken)
            .select_related("endpoint__clinic", "job__case")
            .defer("job__payload", "job__result", "job__route")
            .annotate(now=now)
            .order_by("not_before")
        )
    return [_parcel(row, row.now) for row in rows]


def _claim(ids: Sequence[UUID], worker: str) -> list[UUID]:
    return (
        WebhookDelivery.objects.due()
        .filter(pk__in=ids)
        .update_returning_ids(
            status=WebhookDelivery.Status.RUNNING,
            attempt=F("attempt") + 1,
            worker=worker,
            lease_until=Now() + timedelta(seconds=LEASE_SECONDS),
            started_at=Coalesce(F("started_at"), Now()),
            updated_at=Now(),
        )
    )


def _parcel(row: WebhookDelivery, now: datetime) -> Parcel:
    """Sign what is to be sent, or say why nothing is."""
    endpoint = row.endpoint
    url = row.url or endpoint.url
    try:
        check_receiver(url)
        secrets = secrets_of(endpoint, now=now)
    except EndpointRefused:
        return Parcel(delivery=row, headers={}, problem=NOT_ALLOWED)
    except SecretLost:
        return Parcel(delivery=row, headers={}, problem=SECRET_LOST)
    if endpoint.state != WebhookEndpoint.State.ENABLED:
        return Parcel(delivery=row, headers={}, problem=DISABLED)
    told = {}
    if row.job is not None:
        told = {
            "job_id": str(row.job.pk),
            "case_id": row.job.case.case_id,
            "status": row.job_status,
            "review_state": row.review_state,
        }
    body = body_of(event=row.event, at=row.created_at, **told)
    at = int(now.timestamp())
    return Parcel(
        delivery=row,
        url=url,
        body=body,
        headers=headers_of(secrets, id=str(row.pk), at=at, body=body),
    )


# --- Settling ---------------------------------------------------------------------


@transaction.atomic(durable=True)
def settle_deliveries(answers: Sequence[Answer], *, worker: str) -> None:
    """Store what came of tries: received, to be tried again, or given up.

    Each is fenced by its claim. An endpoint that answers 410 is disabled, but not what
    stands for a clinic's callbacks: there it is that URL's own affair.
    """
    actor = f"worker:{worker}"
    for answer in sorted(answers, key=lambda answer: answer.delivery.pk):
        if answer.is_received:
            _store(answer, actor, Action.WEBHOOK_DELIVERED, **_ended("DONE"))
            continue
        code = answer.problem or f"HTTP_{answer.status}"
        failures = answer.delivery.failures + 1
        wait = wait_after(failures, retry_after=answer.retry_after)
        if answer.status == GONE or answer.problem in {DISABLED, SECRET_LOST}:
            wait = None
        failed = {"failures": failures, "error_code": code}
        if wait is not None:
            _store(
                answer,
                actor,
                None,
                **failed,
                status=WebhookDelivery.Status.PENDING,
                not_before=Now() + timedelta(seconds=wait),
            )
        else:
            held = _store(
                answer, actor, Action.WEBHOOK_FAILED, **failed, **_ended("FAILED")
            )
            endpoint = answer.delivery.endpoint
            if held and answer.status == GONE and not endpoint.is_for_callbacks:
                switch_off(endpoint, WebhookEndpoint.State.GONE, actor=actor)


def _ended(status: str) -> dict[str, Any]:
    ended: dict[str, Any] = {"status": status, "finished_at": Now()}
    return ended | ({"error_code": ""} if status == "DONE" else {})


def _store(answer: Answer, actor: str, action: Action | None, **values: Any) -> bool:
    """Write under the fence; record it if the claim still held."""
    delivery = answer.delivery
    held = (
        WebhookDelivery.objects.filter(pk=delivery.pk)
        .held(delivery.attempt)
        .update(
            **values,
            answered=answer.status,
            worker="",
            lease_until=None,
            updated_at=Now(),
        )
    )
    if held and action is not None:
        detail = {"tries": delivery.attempt, "status": answer.status}
        if values["error_code"]:
            detail["code"] = values["error_code"]
        record([delivery_event(delivery, action, actor, **detail)])
    return bool(held)


def put_back(deliveries: Sequence[WebhookDelivery]) -> None:
    """Let others send what we claimed and shall not finish. It counts as no failure."""
    for delivery in deliveries:
        WebhookDelivery.objects.filter(pk=delivery.pk).held(delivery.attempt).update(
            status=WebhookDelivery.Status.PENDING,
            worker="",
            lease_until=None,
            updated_at=Now(),
        )


def reap_deliveries(*, actor: str) -> int:
    """Take deliveries from workers that were lost; return how many.

    They are sent again: whether the receiver got them nobody knows.
    """
    if not WebhookDelivery.objects.expired().exists():
        return 0
    with transaction.atomic(durable=True):
        released, failed = WebhookDelivery.objects.all().reap(
            most_crashes=MOST_CRASHES, failing={}
        )
        lost = WebhookDelivery.objects.filter(pk__in=failed)
        record(
            delivery_event(each, Action.WEBHOOK_FAILED, actor, code=WORKER_LOST)
            for each in lost.select_related("endpoint__clinic", "job__case")
        )
    return len(released) + len(failed)


def delivery_event(
    delivery: WebhookDelivery, action: Action, actor: str, **detail: Any
) -> Event:
    """Build the event that something became of a delivery: ids, codes and counts."""
    job = delivery.job
    return Event(
        action=action,
        actor=actor,
        clinic=delivery.endpoint.clinic.slug,
        case_id=job.case.case_id if job else "",
        job_id=job.pk if job else None,
        detail={
            "webhook": str(delivery.pk),
            "event": delivery.event,
            "endpoint": delivery.endpoint_id,
            **detail,
        },
    )
