"""An embedding out of a question. Plain Python."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from dataclasses import dataclass, field

from routing.modelserver.contract import InvalidQuestion, Question

WIDTH = 256
MAX_ROWS = 256
"""As many as a picture has soft tokens."""

DEFAULT_SHAPE = (1, WIDTH)


@dataclass(frozen=True, slots=True)
class Embedding:
    """Finite float32 values, little-endian, row by row. Its repr shows none."""

    rows: int
    data: bytes = field(repr=False)


def embedding_of(question: Question) -> Embedding | None:
    """Read the embedding of a question; None where it has none.

    Raises:
        InvalidQuestion: it is not base64 of finite float32 values of ``shape``, or the
            shape is none of [1, 256] to [256, 256].
    """
    if not question.embedding_b64:
        return None
    rows, width = question.shape or DEFAULT_SHAPE
    if width != WIDTH or rows > MAX_ROWS:
        raise InvalidQuestion(
            {"shape": [f"[n, {WIDTH}], with n from 1 to {MAX_ROWS}."]}
        )
    try:
        data = base64.b64decode(question.embedding_b64, validate=True)
    except (binascii.Error, ValueError):
        raise _refused("Standard base64, with padding and no white space.") from None
    if len(data) != 4 * rows * width:
        raise _refused("As many float32 values of 4 bytes as shape says.")
    if not all(map(math.isfinite, struct.unpack(f"<{rows * width}f", data))):
        raise _refused("Neither NaN nor infinity.")
    return Embedding(rows, data)


def _refused(rule: str) -> InvalidQuestion:
    return InvalidQuestion({"embedding_b64": [rule]})
