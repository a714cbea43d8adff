"""Persons in the admin, as a person sees them: those of the own clinics."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest

from people.admin.persons import PersonAdmin
from screening.services.sight import persons_seen_by

admin.site.unregister(User)


@admin.register(User)
class PersonOfClinicAdmin(PersonAdmin):
    """Persons of the person's clinics, and who is in none yet."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Leave out who works in other clinics alone."""
        assert isinstance(request.user, User)
        return persons_seen_by(request.user, super().get_queryset(request))
