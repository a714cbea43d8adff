"""What the routes of jobs and cases share."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from screening.api.serializers import job_body
from screening.models import Job, Scope
from screening.services.keys import Client
from wire.views import ApiViewSet


class ClinicViewSet(ApiViewSet):
    """A route that shows the rows of the caller's clinic and no others."""

    @property
    def client(self) -> Client:
        """Return whoever holds the key: no request comes this far without one."""
        assert isinstance(self.request.user, Client)
        return self.request.user

    def jobs(self) -> QuerySet[Job]:
        """Return the clinic's jobs: another clinic's are not found."""
        return Job.objects.filter(clinic=self.client.clinic)

    def body_of(self, row: dict[str, Any]) -> dict[str, Any]:
        """Show a row as far as the key may see it."""
        return job_body(row, drafts=Scope.DRAFTS in self.client.scopes)
