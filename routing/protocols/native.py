"""The protocol model servers of this project speak: one JSON object each way."""

from __future__ import annotations

from typing import Any

FIXED = {"max_new_tokens": 256, "temperature": 0.0}
ADDED = ("gestational_weeks", "milestones", "flags")
"""Sent only when the submission has them: an older server has never seen them."""


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


def answer_of(body: dict[str, Any]) -> Any:
    """Take the result out of the answer: ``result`` if it is there, else all of it."""
    return body.get("result", body)
