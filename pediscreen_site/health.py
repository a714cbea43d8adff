"""Is it alive, and can it serve? For probes, and for people who look."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from redis.exceptions import RedisError

from pediscreen_site.api.errors import method_not_allowed
from screening import queue
from screening.services.keys import anyone, recognise

View = Callable[[HttpRequest], HttpResponse]


def only_reading(view: View) -> View:
    """Answer any method but GET and HEAD with a 405, and none from a cache."""

    @csrf_exempt
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        if request.method in {"GET", "HEAD"}:
            response = view(request)
        else:
            response = method_not_allowed(["GET", "HEAD"])
        response["Cache-Control"] = "no-store"
        return response

    return answer


@only_reading
def health(request: HttpRequest) -> HttpResponse:
    """Answer as the earlier system did."""
    return JsonResponse({"status": "ok", "service": "routing-orchestrator"})


@only_reading
def livez(request: HttpRequest) -> HttpResponse:
    """Say that the process answers; whatever else is away, a restart would not help."""
    return JsonResponse({"status": "ok"})


@only_reading
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether requests can be served: 503 when the database is away.

    Redis or the workers being away only delays jobs: 200, ``degraded``. Which part is
    in which state is told to holders of a key.
    """
    database = _database()
    redis, workers = _redis_and_workers()
    checks = {"database": database, "redis": redis, "workers": workers}
    status = "ok" if all(state == "ok" for state in checks.values()) else "degraded"
    if database != "ok":
        status = "unavailable"
    body: dict[str, Any] = {"status": status}
    if database == "ok" and _may_see(request):
        body["checks"] = checks
        body["queue"] = "ok" if redis == "ok" else "degraded"
    return JsonResponse(body, status=200 if database == "ok" else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return "down"
    return "ok"


def _redis_and_workers() -> tuple[str, str]:
    try:
        workers = queue.workers(queue.inference_queue())
    except RedisError:
        return "down", "unknown"
    return "ok", "ok" if workers else "none"


def _may_see(request: HttpRequest) -> bool:
    raw = request.headers.get("x-api-key", "")
    return (recognise(raw) if raw else anyone()) is not None
