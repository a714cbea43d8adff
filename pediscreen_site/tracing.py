"""One span a request, and what its log lines are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from routing.models.tasks import private_id
from wire import tracing
from wire.subject import subject

NOT_TRACED = frozenset({"/health", "/livez", "/readyz", "/metrics"})


class TracingMiddleware:
    """Take part in the caller's trace, or begin one.

    The span is named by the route and not by the path, which may hold an identifier.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer within a span, but to probes and for files."""
        if request.path in NOT_TRACED or request.path.startswith(settings.STATIC_URL):
            return self.get_response(request)
        token = subject.set({})
        method = request.method or ""
        try:
            with tracing.span(
                method,
                kind="server",
                parent=tracing.accept(request.headers.get("traceparent", "")),
                attributes={"http.request.method": method},
            ) as span:
                response = self.get_response(request)
                _describe(span, request, response)
                return response
        finally:
            subject.reset(token)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]
    ) -> None:
        """Let log lines name the job or task of the route, if it is the id of one."""
        if name := _job_id(kwargs.get("job_id", "")):
            subject.set({"job_id": name})
        elif pk := private_id(str(kwargs.get("task_id", ""))):
            subject.set({"task_id": f"task-{pk.hex}"})


def _job_id(given: object) -> str:
    try:
        return str(UUID(str(given)))
    except ValueError:
        return ""


def _describe(span: tracing.Span, request: HttpRequest, response: HttpResponse) -> None:
    route = f"/{request.resolver_match.route}" if request.resolver_match else ""
    span.rename(f"{request.method} {route or 'unknown'}")
    span.set({"http.route": route, "http.response.status_code": response.status_code})
    if response.status_code >= 500:
        span.fail(str(response.status_code))
