"""Base64 that can be written in one way only. Plain Python."""

from __future__ import annotations

import base64
import binascii


def written(data: bytes) -> str:
    """Write bytes as standard base64, with its padding."""
    return base64.b64encode(data).decode()


def read(text: str) -> bytes:
    """Read what `written` wrote: other bits in the padding would be another text.

    Raises:
        ValueError: it is not exactly so.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("not base64") from None
    if written(data) != text:
        raise ValueError("not as base64 is written")
    return data
