"""Who a person is: log-in, second factor, sessions, and what of them changes."""

from __future__ import annotations

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Register the app under its own name."""

    name = "people"
    verbose_name = "People"
