"""Tasks in the admin, as a person sees them: those of the own clinics."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from routing.admin.tasks import TaskAdmin
from routing.models import Task
from screening.services.sight import may_read_words, slugs_of

WORDS = {"reported", "outcome", "payload_parts", "sent_along"}
"""What says, or may say, something of a child: even the names of parts are sent."""


def tasks_seen_by(user: Any, tasks: QuerySet[Task]) -> QuerySet[Task]:
    """Keep the tasks of the person's clinics, which tasks know by their slugs."""
    if user.is_superuser:
        return tasks
    return tasks.filter(clinic__in=slugs_of(user))


admin.site.unregister(Task)


@admin.register(Task)
class TaskOfClinicAdmin(TaskAdmin):
    """Tasks of the person's clinics, to see and to replay."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Task]:
        """Leave out what is another clinic's."""
        return tasks_seen_by(request.user, super().get_queryset(request))

    def get_fieldsets(self, request: HttpRequest, obj: Task | None = None) -> Any:
        """Leave out what was said of a child, unless the person may read it."""
        user: Any = request.user
        sets = super().get_fieldsets(request, obj)
        if may_read_words(user):
            return sets
        return [
            (title, {**shown, "fields": [n for n in shown["fields"] if n not in WORDS]})
            for title, shown in sets
            if title != "Result"
        ]

    def clinics_of(self, request: HttpRequest) -> list[str]:
        """Offer the person's clinics alone."""
        user: Any = request.user
        clinics = super().clinics_of(request)
        if user.is_superuser:
            return clinics
        own = set(slugs_of(user))
        return [clinic for clinic in clinics if clinic in own]
