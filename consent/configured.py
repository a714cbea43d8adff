"""What the environment asks a consent for."""

from __future__ import annotations

from django.conf import settings


def required_scopes() -> frozenset[str]:
    """Return the scopes that are refused where no consent is known."""
    required: frozenset[str] = settings.CONSENT_REQUIRED_SCOPES
    return required
