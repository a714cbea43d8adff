"""The bytes of a content that is committed to: any JSON, written in one way.

PostgreSQL keeps numbers as decimals and gives ``1e16`` back as a whole number, and
``-0.0`` without its sign. So each number is written by its value alone. Plain Python.
"""

from __future__ import annotations

import json
from typing import Any

from audit.proofs.canonical import LARGEST_INTEGER


def content_bytes(content: Any) -> bytes:
    """Write a content; before it is stored and once it is read again it is the same.

    ASCII, keys sorted, no spaces. Numbers are taken as 64-bit floating point: those
    that are whole and at most 2^53 - 1 from zero are written in digits, the others as
    Python writes them.

    The keys of objects are texts, as in all JSON.

    Raises:
        TypeError: it is not JSON.
    """
    return content_text(content).encode("ascii")


def content_text(content: Any) -> str:
    """Write a content as `content_bytes` does; each of these characters is a byte."""
    written = _ENCODER.encode(content)
    if type(content) is str or not _may_hold_others(written):
        return written
    return _ENCODER.encode(_by_value(content))


def plain_text(content: Any) -> str | None:
    """Write a content whose numbers stand by their values; None if one may not.

    The text is the content to any reader of JSON: it may be stored as it.

    Raises:
        TypeError: it is not JSON.
    """
    written = _ENCODER.encode(content)
    return None if _may_hold_others(written) else written


def _may_hold_others(written: str) -> bool:
    """Say whether a number may have to be written otherwise, or a text looks like one.

    Those are whole and have a point, or begin with as many digits as 2^53 has. To look
    for them in what is written takes a third of the time of asking each value.
    """
    looked_at = f"[{written}]".encode("ascii")
    return b".0," in looked_at.translate(
        _ENDS
    ) or b":0000000000000000" in looked_at.translate(_BEGINNINGS)


def _by_value(content: Any) -> Any:
    """Take each number by its value; all else stays what it is."""
    # Texts are most of it, and a call for each would be most of the time.
    kind = type(content)
    if kind is dict:
        return {
            name: value if type(value) is str else _by_value(value)
            for name, value in content.items()
        }
    if kind is list or kind is tuple:
        return [value if type(value) is str else _by_value(value) for value in content]
    if kind is float:
        is_whole = content.is_integer() and abs(content) <= LARGEST_INTEGER
        return int(content) if is_whole else content
    if kind is int:
        return content if abs(content) <= LARGEST_INTEGER else _nearest(content)
    if isinstance(content, dict):
        return _by_value(dict(content))
    if isinstance(content, list | tuple):
        return _by_value(list(content))
    return content


def _nearest(number: int) -> int | float:
    try:
        return float(number)
    except OverflowError:
        return number


# What goes around in a circle ends in a RecursionError without being looked for, too.
_ENCODER = json.JSONEncoder(check_circular=False, sort_keys=True, separators=(",", ":"))
_ENDS = bytes.maketrans(b"]}", b",,")
_BEGINNINGS = bytes.maketrans(b"123456789,[-", b"000000000:::")
