"""The one table from refusals to HTTP, and the envelope they are answered in."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import (
    PermissionDenied as DjangoPermissionDenied,
)
from django.core.exceptions import (
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.csrf import csrf_failure
from rest_framework import exceptions, status
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from wire.errors import Refusal
from wire.parsers import PayloadTooLarge

logger = logging.getLogger(__name__)

STATUS_BY_CODE = {
    "EMBEDDING_PARSE_ERROR": status.HTTP_400_BAD_REQUEST,
    "EMBEDDING_SHAPE_MISMATCH": status.HTTP_400_BAD_REQUEST,
    "IDEMPOTENCY_KEY_REUSED": status.HTTP_422_UNPROCESSABLE_ENTITY,
    "IDEMPOTENCY_KEY_BUSY": status.HTTP_409_CONFLICT,
    "CONFLICT": status.HTTP_409_CONFLICT,
    "FORBIDDEN": status.HTTP_403_FORBIDDEN,
    "VALIDATION_ERROR": status.HTTP_422_UNPROCESSABLE_ENTITY,
    "E_INVALID_TASK_TYPE": status.HTTP_400_BAD_REQUEST,
    "E_CONSENT_REQUIRED": status.HTTP_403_FORBIDDEN,
    "E_NO_AGENT": status.HTTP_503_SERVICE_UNAVAILABLE,
    "AGENT_CALL_FAILED": status.HTTP_502_BAD_GATEWAY,
}
CODE_BY_STATUS = {
    400: "INVALID_PAYLOAD",
    401: "AUTH_FAIL",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "VALIDATION_ERROR",
    429: "RATE_LIMITED",
    500: "SAFE_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
# Where DRF's own words would quote the request.
MESSAGES = {
    405: "The path has no such method; the Allow header names those it has.",
    415: "The body must be JSON in UTF-8, and its Content-Type must say so.",
}
RETRY_AFTER = {"IDEMPOTENCY_KEY_BUSY": 1, "SERVICE_UNAVAILABLE": 2, "E_NO_AGENT": 5}


class ServiceUnavailable(exceptions.APIException):
    """The database is away; nothing was stored."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The service cannot store or read anything now. Try again soon."


def envelope(
    code: str, message: str, details: Any = None, detail: str = ""
) -> dict[str, Any]:
    """Build the error body. ``detail`` repeats what old clients read."""
    return {
        "code": code,
        "message": message,
        "details": details or {},
        "detail": detail or message,
    }


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer a refusal in the envelope; leave what we do not know to Django's 500.

    It is JSON on every route, also on one whose answers are not.
    """
    if (request := context.get("request")) is not None:
        request.accepted_renderer = JSONRenderer()
        request.accepted_media_type = JSONRenderer.media_type
    if isinstance(exc, Refusal):
        return refuse(exc)
    if isinstance(exc, OperationalError | InterfaceError):
        logger.error("The database is away (%s)", type(exc).__name__)
        exc = ServiceUnavailable()
    elif isinstance(exc, RequestDataTooBig):
        exc = PayloadTooLarge()
    elif isinstance(exc, Http404):
        exc = exceptions.NotFound()
    elif isinstance(exc, DjangoPermissionDenied):
        exc = exceptions.PermissionDenied()
    elif isinstance(exc, SuspiciousOperation):
        exc = exceptions.ParseError("The request is not well formed.")
    if not isinstance(exc, exceptions.APIException):
        return None

    if isinstance(exc, exceptions.ValidationError):
        body = envelope(
            "VALIDATION_ERROR", "Some fields are not valid.", _messages(exc.detail)
        )
        return Response(body, status=status.HTTP_422_UNPROCESSABLE_ENTITY)
    code = CODE_BY_STATUS[exc.status_code]
    headers = {}
    if exc.status_code == status.HTTP_401_UNAUTHORIZED:
        headers["WWW-Authenticate"] = "ApiKey"
    if (wait := getattr(exc, "wait", None) or RETRY_AFTER.get(code)) is not None:
        headers["Retry-After"] = str(int(wait))
    message = MESSAGES.get(exc.status_code, str(exc.detail))
    return Response(envelope(code, message), status=exc.status_code, headers=headers)


def refuse(exc: Refusal) -> Response:
    """Answer one of our own refusals by its code."""
    headers = {}
    if exc.code in RETRY_AFTER:
        headers["Retry-After"] = str(RETRY_AFTER[exc.code])
    response = Response(
        envelope(exc.code, str(exc), exc.details, exc.detail),
        status=STATUS_BY_CODE[exc.code],
        headers=headers,
    )
    # Django would log a 502 or 503 as an error of ours, and this is an answer.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _messages(detail: Any) -> Any:
    """Keep DRF's messages as plain text, field by field."""
    if isinstance(detail, dict):
        return {key: _messages(value) for key, value in detail.items()}
    if isinstance(detail, list):
        return [_messages(value) for value in detail]
    return str(detail)


def _page(request: HttpRequest, code: int, message: str) -> HttpResponse:
    return JsonResponse(envelope(CODE_BY_STATUS[code], message), status=code)


def method_not_allowed(allowed: list[str]) -> HttpResponse:
    """Answer a method that a plain view has not got."""
    response = JsonResponse(envelope(CODE_BY_STATUS[405], MESSAGES[405]), status=405)
    response["Allow"] = ", ".join(allowed)
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django itself refuses: JSON outside of the admin."""
    if isinstance(exception, RequestDataTooBig):
        return _page(request, 413, str(PayloadTooLarge.default_detail))
    if request.path.startswith("/admin/"):
        return defaults.bad_request(request, exception)
    return _page(request, 400, "The request is not well formed.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown path: JSON outside of the admin."""
    if request.path.startswith("/admin/"):
        return defaults.page_not_found(request, exception)
    return _page(request, 404, "There is nothing at this path.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a refusal: JSON outside of the admin."""
    if request.path.startswith("/admin/"):
        return defaults.permission_denied(request, exception)
    return _page(request, 403, "This is not allowed.")


def csrf_refused(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that did not come from our own page."""
    if request.path.startswith("/admin/"):
        return csrf_failure(request, reason)
    return _page(request, 403, "This is not allowed.")


def unavailable(request: HttpRequest) -> HttpResponse:
    """Answer that the database is away, where no view does: nothing was shown."""
    response: HttpResponse
    if request.path.startswith("/admin/"):
        response = defaults.server_error(request)
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    else:
        response = _page(request, 503, str(ServiceUnavailable.default_detail))
    response["Retry-After"] = str(RETRY_AFTER["SERVICE_UNAVAILABLE"])
    response["Cache-Control"] = "no-store"
    return response


def broke(request: HttpRequest) -> HttpResponse:
    """Answer a defect of ours, saying nothing about it: the log has it."""
    if request.path.startswith("/admin/"):
        return defaults.server_error(request)
    return _page(request, 500, "Something broke on our side. Nothing more is known.")
