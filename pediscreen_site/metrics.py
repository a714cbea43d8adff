"""What Prometheus reads: every app's metrics, on one page."""

from __future__ import annotations

from functools import lru_cache

from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from agreement.metrics import AgreementCollector
from pediscreen_site.api.authentication import MESSAGE
from pediscreen_site.api.errors import envelope
from pediscreen_site.health import only_reading
from routing.metrics import TargetCollector
from screening.metrics import ReviewCollector, WebhookCollector
from screening.models import Scope
from screening.services.keys import Client, anyone, recognise


@lru_cache(maxsize=1)
def registry() -> CollectorRegistry:
    """Return the collectors; each reads its own sources whenever it is asked."""
    found = CollectorRegistry(auto_describe=False)
    found.register(TargetCollector())
    found.register(AgreementCollector())
    found.register(ReviewCollector())
    found.register(WebhookCollector())
    return found


@only_reading
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus's text format, for keys with the scope ``metrics:read``.

    The key comes in ``x-api-key``, or as a Bearer token: that is how Prometheus sends
    one. Nothing is written.
    """
    client = _client(request)
    if client is None:
        response = JsonResponse(envelope("AUTH_FAIL", MESSAGE), status=401)
        response["WWW-Authenticate"] = "ApiKey"
        return response
    if Scope.METRICS_READ not in client.scopes:
        message = "This API key has not got the scope that is needed."
        return JsonResponse(envelope("FORBIDDEN", message), status=403)
    try:
        page = generate_latest(registry())
    except Error:
        message = "The database is away: there is nothing to read the metrics from."
        return JsonResponse(envelope("SERVICE_UNAVAILABLE", message), status=503)
    return HttpResponse(page, content_type=CONTENT_TYPE_LATEST)


def _client(request: HttpRequest) -> Client | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    raw = request.headers.get("x-api-key", "") or bearer
    return recognise(raw) if raw else anyone()
