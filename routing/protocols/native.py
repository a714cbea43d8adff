"""The protocol model servers of this project speak: one JSON object each way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.errors import UnusableAnswer
from routing.protocols import access
from routing.protocols.interface import Request
from routing.targets import Target

name = "native"
FIXED = {"max_new_tokens": 256, "temperature": 0.0}
ADDED = ("gestational_weeks", "milestones", "flags")
"""Sent only when the submission has them: an older server has never seen them."""


def request(
    target: Target,
    case_id: str,
    payload: dict[str, Any],
    secrets: Mapping[str, str],
) -> Request:
    """Build the call; the target's URL is used as it is."""
    return Request(
        url=target.url,
        headers=access.headers(target, secrets),
        body=request_body(case_id, payload),
    )


def request_body(case_id: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Build what is POSTed for one submission.

    ``embedding_b64`` is base64 of little-endian float32 values of ``shape``.
    """
    embedding = payload.get("embedding_b64")
    body = {
        "case_id": case_id,
        "age_months": payload.get("age_months"),
        "observations": payload.get("observations", ""),
        "embedding_b64": embedding,
        "shape": payload.get("shape", [1, 256]) if embedding is not None else None,
        **FIXED,
    }
    return body | {key: payload[key] for key in ADDED if key in payload}


def health_url(target: Target) -> str:
    """Return the server's ``/health``."""
    return access.beside(target.url, "/health")


def answer_of(body: dict[str, Any]) -> Any:
    """Take the result out of the answer: ``result`` if it is there, else all of it."""
    return body.get("result", body)


def ask_again(asked: Request, error: UnusableAnswer) -> Request | None:
    """Return None: a server of ours answers JSON or not at all."""
    return None
