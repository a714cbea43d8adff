"""The audit log: who did what, and when."""

from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """Register the app under its own name, and its checks."""

    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        """Check the keys at start-up."""
        from audit import checks  # noqa: F401 - registers itself
