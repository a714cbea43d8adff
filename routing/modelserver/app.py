"""The model server's routes.

Nothing of a request is ever logged, and no answer repeats what was refused.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from routing.modelserver.backends import Backend, Overloaded
from routing.modelserver.contract import (
    MAX_BODY_BYTES,
    InvalidQuestion,
    Question,
    read_envelope,
    read_question,
)
from routing.modelserver.meter import Meter
from wire import strict_json, tracing

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BACKEND = web.AppKey("backend", Backend)
LATENCY = web.AppKey("latency", float)
METER = web.AppKey("meter", Meter)
STARTED = web.AppKey("started", float)

INFERENCE_ROUTES = frozenset({"/", "/infer", "/call"})
REFUSALS = {
    400: ("INVALID_PAYLOAD", "The request is not valid."),
    404: ("NOT_FOUND", "There is no such route."),
    405: ("METHOD_NOT_ALLOWED", "The route does not take this method."),
    413: ("PAYLOAD_TOO_LARGE", "The body is larger than 2 MiB."),
}


class NotAnObject(ValueError):
    """The body is not a JSON object."""


def make_app(backend: Backend, *, latency: float = 0.0) -> web.Application:
    """Make the application around a backend.

    ``latency`` is a wait before each inference, in seconds, for trying out queues.
    """
    app = web.Application(
        middlewares=[measured, answered_in_json], client_max_size=MAX_BODY_BYTES
    )
    app[BACKEND] = backend
    app[LATENCY] = latency
    app[METER] = Meter()
    app[STARTED] = time.monotonic()
    app.add_routes(
        [
            web.post("/", infer),
            web.post("/infer", infer),
            web.post("/call", call),
            web.get("/health", health),
            web.get("/status", status),
            web.get("/metrics", metrics),
        ]
    )
    return app


# --- Routes ---


async def infer(request: web.Request) -> web.Response:
    """Answer a native call."""
    question = read_question(await _read_object(request))
    return web.json_response({"result": await _answer(request.app, question)})


async def call(request: web.Request) -> web.Response:
    """Answer an agent's call: the same question, in an envelope."""
    envelope = read_envelope(await _read_object(request))
    try:
        output = await _answer(request.app, envelope.question)
    except InvalidQuestion as exc:
        raise InvalidQuestion(
            {f"payload.{name}": rules for name, rules in exc.details.items()}
        ) from None
    return web.json_response(
        {"success": True, "request_id": envelope.request_id, "output": output}
    )


async def health(request: web.Request) -> web.Response:
    """Say whether the server answers questions, and with what; 503 until it does."""
    backend = request.app[BACKEND]
    return web.json_response(
        {
            "status": "ok" if backend.is_ready else "not_ready",
            "backend": backend.name,
            "model_id": backend.model_id,
        },
        status=200 if backend.is_ready else 503,
    )


async def status(request: web.Request) -> web.Response:
    """Say what the server is and what it has done since its start."""
    backend, meter = request.app[BACKEND], request.app[METER]
    return web.json_response(
        {
            "backend": backend.name,
            "model_id": backend.model_id,
            "adapter_id": backend.adapter_id,
            "uptime_seconds": round(time.monotonic() - request.app[STARTED], 3),
            "requests_served": sum(
                meter.requests[route, "ok"] for route in INFERENCE_ROUTES
            ),
            "in_flight": meter.in_flight,
            **backend.facts(),
        }
    )


async def metrics(request: web.Request) -> web.Response:
    """Give the counts to Prometheus."""
    return web.Response(
        body=(request.app[METER].render() + request.app[BACKEND].metrics()).encode(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


async def _read_object(request: web.Request) -> dict[str, Any]:
    document = strict_json.loads(await request.read())
    if not isinstance(document, dict):
        raise NotAnObject
    return document


async def _answer(app: web.Application, question: Question) -> dict[str, Any]:
    if app[LATENCY]:
        await asyncio.sleep(app[LATENCY])
    return await app[BACKEND].infer(question)


# --- Around every route ---


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count the request by route and outcome; time it where it is an inference."""
    meter = request.app[METER]
    resource = request.match_info.route.resource
    route = resource.canonical if resource else "other"
    is_inference = route in INFERENCE_ROUTES
    meter.in_flight += is_inference
    began = time.monotonic()
    outcome = "failed"
    try:
        if is_inference:
            response = await _traced(request, handler, route)
        else:
            response = await handler(request)
        outcome = _outcome(response.status)
    finally:
        meter.in_flight -= is_inference
        meter.requests[route, outcome] += 1
        if is_inference:
            meter.inferences += 1
            meter.seconds += time.monotonic() - began
    return response


async def _traced(
    request: web.Request, handler: Handler, route: str
) -> web.StreamResponse:
    """Take part in the caller's trace."""
    with tracing.span(
        f"{request.method} {route}",
        kind="server",
        parent=tracing.accept(request.headers.get("traceparent", "")),
        attributes={"http.request.method": request.method, "http.route": route},
    ) as span:
        response = await handler(request)
        span.set({"http.response.status_code": response.status})
        if response.status >= 500:
            span.fail(str(response.status))
        return response


def _outcome(status_code: int) -> str:
    if status_code < 400:
        return "ok"
    return "rejected" if status_code < 500 else "failed"


@web.middleware
async def answered_in_json(
    request: web.Request, handler: Handler
) -> web.StreamResponse:
    """Turn every refusal and failure into the one JSON shape."""
    try:
        return await handler(request)
    except InvalidQuestion as exc:
        return _refusal(422, "VALIDATION_ERROR", str(exc), exc.details)
    except Overloaded as exc:
        response = _refusal(503, "SERVICE_UNAVAILABLE", str(exc))
        response.headers["Retry-After"] = str(exc.retry_after)
        return response
    except strict_json.NotStrictJSON:
        return _refusal(400, "INVALID_PAYLOAD", "The body is not valid JSON.")
    except NotAnObject:
        return _refusal(400, "INVALID_PAYLOAD", "The body is not a JSON object.")
    except web.HTTPException as exc:
        if exc.status not in REFUSALS:
            raise
        response = _refusal(exc.status, *REFUSALS[exc.status])
        if "Allow" in exc.headers:
            response.headers["Allow"] = exc.headers["Allow"]
        return response
    except Exception as exc:  # noqa: BLE001 - a traceback would quote the child's data
        logger.error("Inference failed: %s", type(exc).__name__)  # noqa: TRY400
        return _refusal(500, "SAFE_ERROR", "The model server failed.")


def _refusal(
    status_code: int,
    code: str,
    message: str,
    details: dict[str, list[str]] | None = None,
) -> web.Response:
    return web.json_response(
        {"code": code, "message": message, "details": details or {}},
        status=status_code,
    )
