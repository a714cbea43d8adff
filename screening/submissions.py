"""What a submission may hold, and how two of them are told apart. Plain Python."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import struct
from collections.abc import Mapping
from typing import Any

from screening.errors import EmbeddingParseError, EmbeddingShapeMismatch

PRIORITIES = [
    ("urgent", "Urgent"),
    ("high", "High"),
    ("normal", "Normal"),
    ("low", "Low"),
]
PREFERRED_TARGETS = [("edge", "Edge"), ("cloud", "Cloud"), ("auto", "Auto")]
ANSWERS = [("yes", "Yes"), ("not_yet", "Not yet"), ("not_sure", "Not sure")]
DEFAULT_SHAPE = [1, 256]
MAX_EMBEDDING_VALUES = 65_536
MAX_EMBEDDING_TEXT = 4 * math.ceil(4 * MAX_EMBEDDING_VALUES / 3)


def check_embedding(text: str, shape: list[int]) -> None:
    """Check that ``text`` is base64 of ``shape[0] * shape[1]`` finite float32 values.

    Raises:
        EmbeddingParseError: not strict base64, not whole float32 values, or not finite.
        EmbeddingShapeMismatch: another number of values than the shape says.
    """
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise EmbeddingParseError(
            "embedding_b64 must be standard base64 with padding and no white space.",
            embedding_b64=["not base64"],
        ) from None
    if len(raw) % 4:
        raise EmbeddingParseError(
            "embedding_b64 must decode to whole float32 values of 4 bytes each.",
            embedding_b64=["not a multiple of 4 bytes"],
        )
    wanted = math.prod(shape)
    if len(raw) != 4 * wanted:
        raise EmbeddingShapeMismatch(
            "shape must match the number of float32 values in embedding_b64.",
            shape=[f"{wanted} values by shape, {len(raw) // 4} in embedding_b64"],
        )
    if not all(map(math.isfinite, struct.unpack(f"<{wanted}f", raw))):
        raise EmbeddingParseError(
            "embedding_b64 must hold neither NaN nor infinity.",
            embedding_b64=["not finite"],
        )


def fingerprint(request: Mapping[str, Any] | list[Any]) -> str:
    """Return the SHA-256 of a request, equal for equal content in any key order."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
