"""What must be right before the API answers its first request."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.checks import ERROR, CheckMessage, Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError

from screening.services.keys import keys_exist

logger = logging.getLogger(__name__)

WEAK_KEY = "security.W009"


def refuse_unusable_configuration() -> None:
    """Refuse to start, saying the fix.

    With the database away it cannot be known whether there are keys; then the API
    starts, and answers 503 until the database is back.

    Raises:
        ImproperlyConfigured: a system check fails, or there is no API key.
    """
    errors = dict.fromkeys(str(f) for f in _checks() if _stops_the_start(f))
    if errors:
        raise ImproperlyConfigured("\n".join(errors))
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


def _checks() -> list[CheckMessage]:
    """Run the checks, and outside of DEBUG those of what could be guessed."""
    found = run_checks()
    if not settings.DEBUG:
        found += run_checks(tags=[Tags.security], include_deployment_checks=True)
    return found


def _stops_the_start(found: CheckMessage) -> bool:
    return found.level >= ERROR or found.id == WEAK_KEY
