"""Who is calling: the ``x-api-key`` header, and what its key may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from screening.services.keys import Client, anyone, recognise

if TYPE_CHECKING:  # DRF's views import this module
    from rest_framework.views import APIView

MESSAGE = "Invalid API key"


class KeyHeader(BaseAuthentication):
    """Recognise the key in ``x-api-key``."""

    def authenticate(self, request: Request) -> tuple[Client, None] | None:
        """Return the key's client.

        Raises:
            AuthenticationFailed: the key opens nothing.
        """
        raw = request.META.get("HTTP_X_API_KEY", "")
        client = recognise(raw) if raw else anyone()
        if client is None and raw:
            raise AuthenticationFailed(MESSAGE)
        return None if client is None else (client, None)

    def authenticate_header(self, request: Request) -> str:
        """Make a refusal a 401, not a 403."""
        return "ApiKey"


class HasScope(BasePermission):
    """Refuse who has no key, or a key without the view's ``scopes`` for the action."""

    message = "This API key has not got the scope that is needed."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Say whether the key has the scope of the action.

        A view or action that names no scope is refused: deny by default. A method that
        the view has not got is let by: nothing follows but a 405.

        Raises:
            NotAuthenticated: there is no key.
        """
        client = request.user
        if not isinstance(client, Client):
            raise NotAuthenticated(MESSAGE)
        scopes: dict[str, str] = getattr(view, "scopes", {})
        action = getattr(view, "action", request.method)
        if action in {None, "metadata"}:
            return True
        needed = scopes.get(action) or scopes.get("*")
        return needed is not None and needed in client.scopes
