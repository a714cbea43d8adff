"""What the OpenAPI schema says of webhooks: what we send, and what we expect."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiWebhook

from screening.models import Job, Review
from screening.webhooks import COMPLETED, FAILED, SIGNED_OFF

HEADERS = {
    "webhook-id": "The same at each try: act on it once.",
    "webhook-timestamp": "When this try was made, in seconds since 1970.",
    "webhook-signature": "Standard Webhooks, version 1; one or two, between spaces.",
}


def _webhook(
    event: str, summary: str, *, status: str, review_state: str | None
) -> OpenApiWebhook:
    """Describe one event: every value that it can have, and no more."""
    text = {"type": "string"}
    data = {
        "job_id": {**text, "format": "uuid"},
        "case_id": text,
        "status": {**text, "const": status},
        "review_state": {"const": review_state},
    }
    body = {
        "type": {**text, "const": event},
        "timestamp": {**text, "format": "date-time"},
        "data": _object(data),
    }
    operation = {
        "operationId": event.replace(".", "_"),
        "summary": summary,
        "description": "Ids and states alone: what has happened is read over the API.",
        "tags": ["webhooks"],
        "parameters": [
            {
                "in": "header",
                "name": name,
                "required": True,
                "description": words,
                "schema": text,
            }
            for name, words in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _object(body)}},
        },
        "responses": {
            "2XX": {"description": "Received."},
            "410": {"description": "Gone: the endpoint is told nothing more."},
            "default": {"description": "Not received: it is sent again."},
        },
    }
    return OpenApiWebhook(event, {"post": operation})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


JOB_COMPLETED = _webhook(
    COMPLETED,
    "A draft is ready",
    status=Job.Status.DONE.value,
    review_state=Review.State.REQUIRES_REVIEW.value,
)
JOB_FAILED = _webhook(
    FAILED, "A job has failed", status=Job.Status.FAILED.value, review_state=None
)
CASE_SIGNED_OFF = _webhook(
    SIGNED_OFF,
    "A clinician has signed",
    status=Job.Status.DONE.value,
    review_state=Review.State.SIGNED_OFF.value,
)
