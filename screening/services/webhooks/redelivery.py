"""Sending a webhook again because a person asked for it."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import record
from screening.errors import InvalidTransition
from screening.models import WebhookDelivery, WebhookEndpoint
from screening.services.webhooks.delivery import delivery_event


@transaction.atomic(durable=True)
def redeliver(delivery: WebhookDelivery, *, actor: str) -> None:
    """Have a delivery sent at once, under the same id; its tries begin anew.

    What was received already is sent once more; what waits no longer does.

    Raises:
        InvalidTransition: it is being delivered, or its endpoint is disabled.
    """
    enabled = WebhookEndpoint.objects.filter(
        pk=delivery.endpoint_id, state=WebhookEndpoint.State.ENABLED
    )
    if not enabled.exists():
        raise InvalidTransition("Its endpoint is disabled. Enable that first.")
    waiting = (
        WebhookDelivery.objects.filter(pk=delivery.pk)
        .exclude(status=WebhookDelivery.Status.RUNNING)
        .update(
            status=WebhookDelivery.Status.PENDING,
            not_before=Now(),
            failures=0,
            crashes=0,
            error_code="",
            finished_at=None,
            updated_at=Now(),
        )
    )
    if not waiting:
        raise InvalidTransition("It is just being delivered.")
    record([delivery_event(delivery, Action.WEBHOOK_REDELIVERED, actor)])
