"""The callback URLs of submissions: taken only where they can be told, and signed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from routing.endpoints import EndpointRefused
from screening.errors import CallbackRefused
from screening.models import Clinic, WebhookEndpoint
from screening.services.webhooks.receivers import check_receiver

Key = TypeVar("Key")

UNSIGNED = (
    "The clinic has no secret to sign callbacks with. Make one: "
    "manage.py create_webhook, or in the admin."
)


def refused_callbacks(
    clinic: Clinic, payloads: Mapping[Key, Mapping[str, Any]]
) -> dict[Key, CallbackRefused]:
    """Return the refusal of each submission whose callback could not be told.

    No query where none of them names a URL.
    """
    named = {
        key: payload["callback_url"]
        for key, payload in payloads.items()
        if "callback_url" in payload
    }
    if not named:
        return {}
    takes_any = WebhookEndpoint.objects.filter(
        clinic=clinic, url="", state=WebhookEndpoint.State.ENABLED
    ).exists()
    reasons = {
        key: _reason(url) if takes_any else UNSIGNED for key, url in named.items()
    }
    return {
        key: CallbackRefused("Some fields are not valid.", callback_url=[reason])
        for key, reason in reasons.items()
        if reason
    }


def _reason(url: str) -> str:
    try:
        check_receiver(url)
    except EndpointRefused as exc:
        return str(exc)
    return ""
