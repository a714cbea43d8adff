"""Views of the worklist that a person keeps."""

from __future__ import annotations

from django.conf import settings
from django.db import models


class SavedView(models.Model):
    """One choice of filters, by the name that its owner gave it."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views"
    )
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=500, help_text="Filters, never a search.")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                name="saved_view_named_once", fields=["owner", "name"]
            )
        ]

    def __str__(self) -> str:
        return self.name
