"""Who takes the work: model servers, and which one a job goes to."""

from __future__ import annotations

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    """Register the app under its own name."""

    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        """Make the checks known to Django."""
        from routing import checks  # noqa: F401
