"""How often drafts and signed reports say the same: counts, and what they mean."""

from __future__ import annotations

from django.apps import AppConfig


class AgreementConfig(AppConfig):
    """Register the app under its own name."""

    name = "agreement"
    verbose_name = "Agreement"
