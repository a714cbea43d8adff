"""The composition root as an app, for its commands."""

from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Register the app under its own name."""

    name = "pediscreen_site"
