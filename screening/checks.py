"""What is wrong with the configuration, found before the first request."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register


@register()
def check_model_servers(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn when no job could ever be run."""
    if settings.EDGE_MODEL_URL or settings.CLOUD_MODEL_URL:
        return []
    return [
        Warning(
            "No model server is configured: every job will fail.",
            hint="Set EDGE_MODEL_URL or CLOUD_MODEL_URL.",
            id="screening.W001",
        )
    ]


@register()
def check_lease(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse leases that would run out between two heartbeats."""
    if settings.JOB_LEASE_SECONDS > 2 * settings.JOB_HEARTBEAT_SECONDS:
        return []
    return [
        Error(
            "JOB_LEASE_SECONDS must be more than twice JOB_HEARTBEAT_SECONDS: one late "
            "heartbeat would give a running job to a second worker.",
            hint="Raise JOB_LEASE_SECONDS, or leave JOB_HEARTBEAT_SECONDS out.",
            id="screening.E002",
        )
    ]


@register()
def check_backoff(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a first pause that is longer than the longest."""
    if settings.JOB_BACKOFF_SECONDS <= settings.JOB_BACKOFF_MAX_SECONDS:
        return []
    return [
        Error(
            "JOB_BACKOFF_SECONDS must not be more than JOB_BACKOFF_MAX_SECONDS.",
            hint="Lower JOB_BACKOFF_SECONDS or raise JOB_BACKOFF_MAX_SECONDS.",
            id="screening.E003",
        )
    ]


@register(Tags.security, deploy=True)
def check_api_key(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse an API_KEY that could be guessed."""
    if not settings.API_KEY or len(settings.API_KEY) >= 24:
        return []
    return [
        Error(
            "API_KEY is shorter than 24 characters.",
            hint="Use a long random one, or keys made by manage.py create_api_key.",
            id="screening.E004",
        )
    ]


@register(Tags.security, deploy=True)
def check_sqlite(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn when several machines could not share the database."""
    if not settings.DATABASES["default"]["ENGINE"].endswith(".sqlite3"):
        return []
    return [
        Warning(
            "The database is SQLite, which one machine alone can use.",
            hint="Set DATABASE_URL to a postgresql:// URL.",
            id="screening.W005",
        )
    ]
