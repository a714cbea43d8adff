"""What the audit log holds somebody to, and its bytes. docs/audit-format.md has them.

The same function writes the bytes when something happens and when its evidence is made,
then from what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from audit.proofs.commitments import commit
from audit.proofs.contents import content_bytes, plain_text

OF_ANSWER = (
    *("target", "result", "result_problems"),
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


def draft_bytes(job_id: UUID, values: Mapping[str, Any]) -> bytes:
    """Write a draft with how it was made, from what is stored of it.

    Of the route it is the last entry: the try that was answered, with the versions of
    policy and prompt.
    """
    made = {"attempt": values["attempt"], "made": values["route"][-1:]}
    answer = {name: values[name] for name in OF_ANSWER}
    return content_bytes({"job_id": str(job_id), **made, **answer})


class PlainDraft(NamedTuple):
    """A draft whose numbers stand by their values, so that it can be stored as it is.

    ``content`` is what `draft_bytes` writes; ``made`` its list of the one try.
    """

    content: str
    made: str


def plain_draft(job_id: UUID, values: Mapping[str, Any]) -> PlainDraft | None:
    """Write a draft once, to commit to and to store; None if a number may not stand."""
    made = plain_text(values["route"][-1:])
    answer = plain_text({name: values[name] for name in OF_ANSWER})
    if made is None or answer is None:
        return None
    # The names of an answer's parts come after these.
    begin = f'{{"attempt":{values["attempt"]:d},"job_id":"{job_id}","made":{made}'
    return PlainDraft(f"{begin},{answer[1:]}", made)


def saved_bytes(job_id: UUID, values: Mapping[str, Any]) -> bytes:
    """Write what stands in a review once it was saved: all that is written of it."""
    return content_bytes({"job_id": str(job_id), **{n: values[n] for n in WRITTEN}})


def commitment(content: bytes, *, salt: bytes | memoryview | None) -> dict[str, str]:
    """Return what an event's detail says of a content; nothing if its salt is erased.

    Raises:
        ValueError: the salt is not 32 bytes.
    """
    return {"commitment": commit(content, salt=bytes(salt))} if salt else {}
