"""What keeps requests from being repeated, and duties from being doubled."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now


class IdempotencyKey(models.Model):
    """A key a client gave to a request, and what was answered to it."""

    client = models.CharField(max_length=64)
    endpoint = models.CharField(max_length=32)
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of the request.")
    answer = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="idempotency_key_once_per_client",
                fields=["client", "endpoint", "key"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.key}"


class Leadership(models.Model):
    """Who does a duty that one process does for all, and until when."""

    duty = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=128)
    until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "leaderships"

    def __str__(self) -> str:
        return f"{self.duty}: {self.holder}"
