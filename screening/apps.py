"""A case, from submission to sign-off."""

from __future__ import annotations

from django.apps import AppConfig


class ScreeningConfig(AppConfig):
    """Register the app under its own name, and its system checks."""

    name = "screening"
    verbose_name = "Screening"

    def ready(self) -> None:
        """Make the checks known to Django."""
        from screening import checks  # noqa: F401
