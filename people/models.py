"""What is kept of how people come in: sessions, doors and recovery codes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Now


class Session(AbstractBaseSession):
    """One log-in in one browser. Whose it is stands in a column, so it can be ended."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        related_name="sessions",
        editable=False,
    )

    class Meta(AbstractBaseSession.Meta):
        default_permissions = ()

    @classmethod
    def get_session_store_class(cls) -> Any:
        """Return what reads and writes the rows."""
        return SessionStore


class SessionStore(DatabaseStore):
    """Django's own store on our table."""

    @classmethod
    def get_model_class(cls) -> Any:
        """Return the table."""
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """Make the row, and write down whose it is."""
        row: Any = super().create_model_instance(data)
        row.person_id = data.get(SESSION_KEY)
        return row


class Door(models.Model):
    """Wrong tries in a row, at an account, from an address, or on a person's own page.

    ``key`` is a keyed digest: what people type for a name may be a password.
    """

    key = models.CharField(max_length=80, primary_key=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    failed_at = models.DateTimeField(editable=False)
    closed_until = models.DateTimeField(null=True, editable=False)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(name="door_by_age", fields=["failed_at"])]

    def __str__(self) -> str:
        return self.key.partition(":")[0]


class RecoveryCode(models.Model):
    """One of the codes that stand in for a lost device, each good once.

    ``selector`` is the first digits of the code, which find its row; the rest is kept
    as a hash, as passwords are.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="recovery_codes",
        editable=False,
    )
    selector = models.CharField(max_length=4, editable=False)
    verifier = models.CharField(max_length=255, editable=False)
    made_at = models.DateTimeField(db_default=Now(), editable=False)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        default_permissions = ()
        permissions = [
            ("remove_second_factor", "Can take a person's second factor away")
        ]
        constraints = [
            models.UniqueConstraint(
                name="recovery_code_is_found_by_its_selector",
                fields=["person", "selector"],
            )
        ]

    def __str__(self) -> str:
        return f"Recovery code {self.pk}"
