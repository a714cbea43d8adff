"""The audit log in the admin: to read, never to write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.utils.safestring import SafeString

from audit.models import Audit
from audit.pages import ReadOnly, bullets


class ClinicFilter(admin.AllValuesFieldListFilter):
    """By clinic; what happened in none is called so."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Give every choice words."""
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or "No clinic"}


@admin.register(Audit)
class AuditAdmin(ReadOnly):
    """Events, newest first. Nobody adds, changes or deletes one by hand."""

    list_display = ["occurred_at", "action", "actor", "case_id", "job_id", "attempt"]
    list_filter = ["action", ("clinic", ClinicFilter)]
    search_fields = ["case_id"]  # any, so that the box is shown: see `exact_search`
    search_help_text = "A case, job, actor or request, exactly as it is written."
    exact_search = {"case_id": str, "job_id": UUID, "actor": str, "request_id": str}
    actions = None
    fields: ClassVar[Any] = [
        "occurred_at",
        "action",
        "actor",
        "clinic",
        "case_id",
        "job_id",
        "attempt",
        "detail_in_words",
        "request_id",
        "event_id",
    ]

    @admin.display(description="Detail")
    def detail_in_words(self, event: Audit) -> SafeString | str:
        """Show the codes and counts, one a line."""
        return bullets([f"{key}: {value}" for key, value in event.detail.items()])
