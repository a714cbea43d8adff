"""What the audit log holds somebody to, and its bytes. docs/audit-format.md has them.

The same function writes the bytes when something happens and when its evidence is made,
then from what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from audit.proofs.commitments import commit
from audit.proofs.contents import (
    content_bytes,
    content_text,
    object_bytes,
    plain_text,
)

OF_DRAFT = (
    *("attempt", "target", "result", "result_problems"),
    *("model_id", "model_risk", "rules_risk", "risk"),
)
"""What is stored of an answer, beside the way that it came."""

WRITTEN = (
    *("risk", "reason_code", "reason_text"),
    *("summary", "recommendations", "parent_text", "note"),
)
"""What a clinician writes of a review, until it is signed."""


def input_bytes(job_id: UUID, payload: Mapping[str, Any]) -> bytes:
    """Write what was submitted, as it was accepted."""
    return content_bytes({"job_id": str(job_id), "submitted": payload})


def draft_bytes(
    job_id: UUID, values: Mapping[str, Any], written: Mapping[str, str] | None = None
) -> bytes:
    """Write a draft with how it was made, from what is stored of it.

    Of the route it is the last entry: the try that was answered, with the versions of
    policy and prompt. ``written`` are parts that `plain_parts` has written.
    """
    kept = {name: values[name] for name in OF_DRAFT}
    parts = {"job_id": str(job_id), "made": values["route"][-1:], **kept}
    known = written or {}
    return object_bytes(
        {
            name: known[name] if name in known else content_text(value)
            for name, value in parts.items()
        }
    )


def plain_parts(values: Mapping[str, Any]) -> dict[str, str]:
    """Write the largest parts of a draft, those of them that can be stored so as well.

    ``made`` is the route's last entry, in a list; ``result`` the model's answer.
    """
    parts = {"made": values["route"][-1:], "result": values["result"]}
    written = {name: plain_text(value) for name, value in parts.items()}
    return {name: part for name, part in written.items() if part is not None}


def saved_bytes(job_id: UUID, values: Mapping[str, Any]) -> bytes:
    """Write what stands in a review once it was saved: all that is written of it."""
    return content_bytes({"job_id": str(job_id), **{n: values[n] for n in WRITTEN}})


def commitment(content: bytes, *, salt: bytes | memoryview | None) -> dict[str, str]:
    """Return what an event's detail says of a content; nothing if its salt is erased.

    Raises:
        ValueError: the salt is not 32 bytes.
    """
    return {"commitment": commit(content, salt=bytes(salt))} if salt else {}
