"""The consent ledger: who allowed what for a case, since when and until when."""

from __future__ import annotations

from django.apps import AppConfig


class ConsentConfig(AppConfig):
    """Register the app under its own name."""

    name = "consent"
    verbose_name = "Consent"
