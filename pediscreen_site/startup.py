"""What must be right before the API answers its first request."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from screening.services.keys import keys_exist

logger = logging.getLogger(__name__)


def refuse_unusable_configuration() -> None:
    """Refuse to start, saying the fix.

    With the database away it cannot be known whether there are keys; then the API
    starts, and answers 503 until the database is back.

    Raises:
        ImproperlyConfigured: a system check fails, or there is no API key.
    """
    errors = [found for found in run_checks() if found.level >= ERROR]
    if errors:
        raise ImproperlyConfigured("\n".join(str(found) for found in errors))
    if settings.DEBUG:
        return
    try:
        keys = keys_exist()
    except DatabaseError as exc:
        logger.warning("The database is away at start-up (%s)", type(exc).__name__)
        return
    if not keys:
        raise ImproperlyConfigured(
            "No API key is configured, so that anybody could read the drafts. Make one "
            "with 'python manage.py create_api_key NAME', or set API_KEY to a long "
            "random text (DEBUG=true opens the API on a machine that holds no data)."
        )
