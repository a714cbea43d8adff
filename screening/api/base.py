"""What all routes of the API share."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from screening.api.filters import NoQuerySerializer, read_query
from screening.api.parsers import announced_length
from screening.api.serializers import job_body
from screening.models import Job, Scope
from screening.services.keys import Client


class ApiViewSet(GenericViewSet):
    """What all routes share: the caller, and its clinic's rows and no others."""

    scopes: ClassVar[dict[str, str]] = {}
    body_required: ClassVar[frozenset[str]] = frozenset()
    queries: ClassVar[dict[str, type[Serializer]]] = {}
    query: dict[str, Any]

    @property
    def client(self) -> Client:
        """Return whoever holds the key: no request comes this far without one."""
        assert isinstance(self.request.user, Client)
        return self.request.user

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read the query, and refuse an empty body where there must be one.

        DRF would read it as {}.
        """
        super().initial(request, *args, **kwargs)
        if not self.action:
            return
        self.query = read_query(
            self.queries.get(self.action, NoQuerySerializer), request.query_params
        )
        length = announced_length(request._request)
        if self.action in self.body_required and not length:
            raise ParseError("The body is empty. Send JSON, if only {}.")

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Keep what is answered out of every cache."""
        finalized = super().finalize_response(request, response, *args, **kwargs)
        finalized["Cache-Control"] = "no-store"
        return finalized

    def jobs(self) -> QuerySet[Job]:
        """Return the clinic's jobs: another clinic's are not found."""
        return Job.objects.filter(clinic=self.client.clinic)

    def body_of(self, row: dict[str, Any]) -> dict[str, Any]:
        """Show a row as far as the key may see it."""
        return job_body(row, drafts=Scope.DRAFTS in self.client.scopes)
