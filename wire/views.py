"""What all routes of the API share."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from rest_framework.exceptions import ParseError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import GenericViewSet

from wire.callers import Caller
from wire.parsers import announced_length
from wire.query import NoQuerySerializer, read_query


class ApiViewSet(GenericViewSet):
    """What a route says of each action, and the caller it answers."""

    scopes: ClassVar[dict[str, str]] = {}
    body_required: ClassVar[frozenset[str]] = frozenset()
    queries: ClassVar[dict[str, type[Serializer]]] = {}
    query: dict[str, Any]

    @property
    def client(self) -> Caller:
        """Return whoever holds the key: no request comes this far without one."""
        return cast("Caller", self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Read the query, and refuse an empty body where there must be one.

        DRF would read it as {}.
        """
        super().initial(request, *args, **kwargs)
        if not self.action:
            return
        self.query = read_query(self.query_serializer(request), request.query_params)
        length = announced_length(request._request)
        if self.action in self.body_required and not length:
            raise ParseError("The body is empty. Send JSON, if only {}.")

    def query_serializer(self, request: Request) -> type[Serializer]:
        """Return what the query of this action is read by."""
        return self.queries.get(self.action, NoQuerySerializer)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Keep what is answered out of every cache."""
        finalized = super().finalize_response(request, response, *args, **kwargs)
        finalized["Cache-Control"] = "no-store"
        return finalized
