"""The bytes of a content that is committed to: any JSON, written in one way.

PostgreSQL keeps numbers as decimals and gives ``1e16`` back as a whole number, and
``-0.0`` without its sign. So each number is written by its value alone. Plain Python.
"""

from __future__ import annotations

import json
import re
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
    text = _ENCODER.encode(content)
    if _MAYBE_NO_VALUE(text):
        text = _ENCODER.encode(_by_value(content))
    return text.encode("ascii")


def _by_value(content: Any) -> Any:
    """Take each number by its value; all else stays what it is."""
    kind = type(content)
    if kind is str or kind is bool or content is None:
        return content
    if isinstance(content, dict):
        return {name: _by_value(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_by_value(value) for value in content]
    if kind is int:
        return content if abs(content) <= LARGEST_INTEGER else _nearest(content)
    if kind is float and content.is_integer() and abs(content) <= LARGEST_INTEGER:
        return int(content)
    return content


def _nearest(number: int) -> int | float:
    try:
        return float(number)
    except OverflowError:
        return number


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_MAYBE_NO_VALUE = re.compile(r"\.0(?!\d)|\d{16}").search
"""Finds what may be a whole number with a point, or beyond 2^53 - 1: to look in a text
is quicker than to ask each value of a content, and finds too many at worst."""
