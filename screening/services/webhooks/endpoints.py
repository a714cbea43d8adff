"""Where a clinic is told: added, changed, disabled, enabled, given a new secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import Event, record
from routing.endpoints import EndpointRefused
from screening.errors import EndpointTaken, InvalidTransition, ReceiverRefused
from screening.models import Clinic, WebhookDelivery, WebhookEndpoint
from screening.services.webhooks.receivers import check_receiver
from screening.services.webhooks.secrets import fresh_secret, rotated
from screening.webhooks import EVENTS, TEST, secret_text

ALL_EVENTS = [name for name, _ in EVENTS]
DISABLED = "ENDPOINT_DISABLED"


def add_endpoint(
    *, clinic: Clinic, url: str, events: Sequence[str], actor: str
) -> tuple[WebhookEndpoint, str]:
    """Store an endpoint; return it and its secret, which is shown once.

    Without a URL it stands for the callback URLs of the clinic's submissions.

    Raises:
        ReceiverRefused: no webhook may be sent to the URL.
        EndpointTaken: the clinic has it already.
    """
    _check(url)
    secret, values = fresh_secret()
    try:
        with transaction.atomic(durable=True):
            endpoint = WebhookEndpoint.objects.create(
                clinic=clinic, url=url, events=_known(events), **values
            )
            _record(endpoint, Action.WEBHOOK_ENDPOINT_ADDED, actor, events=len(events))
    except IntegrityError:
        raise EndpointTaken("The clinic has this endpoint already.") from None
    return endpoint, secret_text(secret)


def change_endpoint(
    endpoint: WebhookEndpoint, *, url: str, events: Sequence[str], actor: str
) -> None:
    """Store another URL or other events. What waits already goes to the new URL.

    Raises:
        ReceiverRefused: no webhook may be sent to the URL.
        EndpointTaken: the clinic has another endpoint of this URL.
    """
    if endpoint.is_for_callbacks != (not url):
        raise ReceiverRefused("A URL is neither given to callbacks nor taken away.")
    _check(url)
    known = _known(events)
    try:
        with transaction.atomic(durable=True):
            others = WebhookEndpoint.objects.filter(pk=endpoint.pk).exclude(
                url=url, events=known
            )
            if others.update(url=url, events=known):
                _record(
                    endpoint, Action.WEBHOOK_ENDPOINT_CHANGED, actor, events=len(known)
                )
    except IntegrityError:
        raise EndpointTaken("The clinic has this endpoint already.") from None


@transaction.atomic(durable=True)
def disable_endpoint(endpoint: WebhookEndpoint, *, actor: str) -> None:
    """Tell it nothing from now on; what waits for it is given up.

    Disabling twice is harmless.
    """
    switch_off(endpoint, WebhookEndpoint.State.DISABLED, actor=actor)


def switch_off(endpoint: WebhookEndpoint, state: str, *, actor: str) -> None:
    """Disable an endpoint inside the caller's transaction, for the reason in ``state``.

    What waits for it is given up; what is under way ends by itself.
    """
    disabled = WebhookEndpoint.objects.filter(
        pk=endpoint.pk, state=WebhookEndpoint.State.ENABLED
    ).update(state=state)
    if not disabled:
        return
    given_up = WebhookDelivery.objects.filter(
        endpoint=endpoint, status=WebhookDelivery.Status.PENDING
    ).update(
        status=WebhookDelivery.Status.FAILED,
        error_code=DISABLED,
        finished_at=Now(),
        updated_at=Now(),
    )
    _record(
        endpoint,
        Action.WEBHOOK_ENDPOINT_DISABLED,
        actor,
        reason=str(state),
        given_up=given_up,
    )


@transaction.atomic(durable=True)
def enable_endpoint(endpoint: WebhookEndpoint, *, actor: str) -> None:
    """Tell it of what happens from now on. Enabling twice is harmless."""
    enabled = (
        WebhookEndpoint.objects.filter(pk=endpoint.pk)
        .exclude(state=WebhookEndpoint.State.ENABLED)
        .update(state=WebhookEndpoint.State.ENABLED)
    )
    if enabled:
        _record(endpoint, Action.WEBHOOK_ENDPOINT_ENABLED, actor)


@transaction.atomic(durable=True)
def rotate_secret(endpoint: WebhookEndpoint, *, actor: str) -> str:
    """Give an endpoint a new secret and return it; the one before is good for a day.

    In that time each webhook carries both signatures.
    """
    locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    secret, values = rotated(locked)
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(**values)
    _record(endpoint, Action.WEBHOOK_ENDPOINT_ROTATED, actor)
    return secret_text(secret)


@transaction.atomic(durable=True)
def send_test(endpoint: WebhookEndpoint, *, actor: str) -> WebhookDelivery:
    """Send an endpoint a webhook that tells of nothing.

    Raises:
        InvalidTransition: it is disabled, or stands for callbacks, which have no URL of
            their own.
    """
    found = WebhookEndpoint.objects.get(pk=endpoint.pk)
    if found.state != WebhookEndpoint.State.ENABLED:
        raise InvalidTransition("It is disabled. Enable it first.")
    if found.is_for_callbacks:
        raise InvalidTransition("Callbacks have no URL of their own to be tested.")
    delivery = WebhookDelivery.objects.create(endpoint=found, event=TEST)
    _record(endpoint, Action.WEBHOOK_TESTED, actor)
    return delivery


def _check(url: str) -> None:
    if not url:
        return
    try:
        check_receiver(url)
    except EndpointRefused as exc:
        raise ReceiverRefused(str(exc)) from None


def _known(events: Sequence[str]) -> list[str]:
    """Keep the order of the list, whichever way they were named."""
    return [name for name in ALL_EVENTS if name in events]


def _record(
    endpoint: WebhookEndpoint, action: Action, actor: str, **detail: Any
) -> None:
    record(
        [
            Event(
                action=action,
                actor=actor,
                clinic=endpoint.clinic.slug,
                detail={"endpoint": endpoint.pk, **detail},
            )
        ]
    )
