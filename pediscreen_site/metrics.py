"""What Prometheus reads: every app's metrics, on one page.

Each figure is read from the database or Redis whenever somebody asks. So it is the same
whichever process answers, and after a restart; and where one of the two is away, the
figures of the other are there, with the errors that were met.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache

from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from agreement.metrics import AgreementCollector
from audit.metrics import SealCollector
from pediscreen_site.api.authentication import MESSAGE
from pediscreen_site.api.errors import envelope, unavailable
from pediscreen_site.certificates import CertificateCollector
from pediscreen_site.health import only_reading
from routing.metrics import (
    CountCollector,
    StreamCollector,
    TargetCollector,
    TaskCollector,
)
from screening.metrics import (
    JobCollector,
    ReviewCollector,
    WebhookCollector,
    WorkerCollector,
)
from screening.models import Scope
from screening.services.keys import Client, anyone, is_configured, recognise

COLLECTORS = (
    *(JobCollector(), TaskCollector(), TargetCollector(), ReviewCollector()),
    *(WebhookCollector(), AgreementCollector(), SealCollector()),
    *(WorkerCollector(), StreamCollector(), CertificateCollector()),
    # Last: so the errors that the others have just met are counted with the rest.
    CountCollector(),
)
REMEMBERED_SECONDS = 3600.0
MOST_REMEMBERED = 100

_remembered: dict[str, float] = {}
"""Digests of keys that could read this lately, and until when that will do."""


class Sources(Collector):
    """All metrics that can be read now, and which source could not be."""

    def __init__(self, collectors: Sequence[Collector]) -> None:
        self._collectors = collectors

    def collect(self) -> Iterator[Metric]:
        """Ask each collector, but none of a source that has just failed another."""
        up = {"database": 1, "redis": 1}
        for collector in self._collectors:
            source = getattr(collector, "source", "")
            if not up.get(source, 1):
                continue
            try:
                yield from list(collector.collect())
            except Error:
                up["database"] = 0
            except RedisError:
                up["redis"] = 0
        gauge = GaugeMetricFamily(
            "pedi_orch_source_up",
            "Whether what is read here could be: 0 while its figures are left out.",
            labels=["source"],
        )
        for source, value in up.items():
            gauge.add_metric([source], value)
        yield gauge


@lru_cache(maxsize=1)
def registry() -> CollectorRegistry:
    """Return the collectors; each reads its own sources whenever it is asked."""
    found = CollectorRegistry(auto_describe=False)
    found.register(Sources(COLLECTORS))
    return found


@only_reading
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer in Prometheus's text format, for keys with the scope ``metrics:read``.

    The key comes in ``x-api-key``, or as a Bearer token: that is how Prometheus sends
    one. Nothing is written. While the database is away a key is good that was so within
    the last hour: else nobody would be told what is wrong.
    """
    raw = _key(request)
    digest = hashlib.sha256(raw.encode(errors="replace")).hexdigest()
    try:
        client = recognise(raw) if raw else anyone()
    except Error:
        was_good = _remembered.get(digest, 0.0) >= time.monotonic()
        if not (was_good or is_configured(raw)):
            return unavailable(request)
    else:
        if (refusal := _refusal(client)) is not None:
            _remembered.pop(digest, None)
            return refusal
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[digest] = time.monotonic() + REMEMBERED_SECONDS
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def _key(request: HttpRequest) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return request.headers.get("x-api-key", "") or bearer


def _refusal(client: Client | None) -> HttpResponse | None:
    if client is None:
        response = JsonResponse(envelope("AUTH_FAIL", MESSAGE), status=401)
        response["WWW-Authenticate"] = "ApiKey"
        return response
    if Scope.METRICS_READ not in client.scopes:
        message = "This API key has not got the scope that is needed."
        return JsonResponse(envelope("FORBIDDEN", message), status=403)
    return None
