"""A worker's own page of metrics, for where only the monitoring can reach it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from django.utils.module_loading import import_string
from prometheus_client import Metric, start_http_server
from prometheus_client.registry import CollectorRegistry

logger = logging.getLogger(__name__)


class Page(CollectorRegistry):
    """The same metrics as everywhere, read by threads that end with each reading."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(auto_describe=False)
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """Read all, and give the thread's connection back."""
        try:
            return list(self._registry.collect())
        finally:
            connection.close()


def serve_metrics() -> None:
    """Serve GET /metrics on METRICS_PORT, without a key; nothing if that is 0.

    Raises:
        CommandError: the port is taken.
    """
    port = settings.METRICS_PORT
    if not port:
        return
    registry = import_string(settings.METRICS_REGISTRY)()
    try:
        start_http_server(port, addr="0.0.0.0", registry=Page(registry))  # noqa: S104 - see .env.example
    except OSError as exc:
        raise CommandError(
            f"METRICS_PORT is taken ({exc.strerror}). Set it to one that is free, "
            "or to 0 for none."
        ) from exc
    logger.info("Metrics are on port %d", port)
