"""Connections to Redis."""

from __future__ import annotations

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def connect(*, timeout: float | None = None) -> Redis:
    """Open a Redis client of its own; ``timeout`` seconds for each reply.

    Without retries: the caller has a better use for the time, and what was not handed
    over is found again by the reconciler.
    """
    seconds = settings.REDIS_TIMEOUT_SECONDS if timeout is None else timeout
    return Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=seconds,
        socket_connect_timeout=settings.REDIS_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
