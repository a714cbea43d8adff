"""The bytes of a content that is committed to: any JSON, written in one way.

PostgreSQL keeps numbers as decimals and gives ``1e16`` back as a whole number, and
``-0.0`` without its sign. So each number is written by its value alone. Plain Python.
"""

from __future__ import annotations

import json
import math
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
    if _MAY_DIFFER.search(text):
        text = _ENCODER.encode(_DECODER.decode(text))
    return text.encode("ascii")


def _number(text: str) -> int | float:
    value = float(text)
    if math.isinf(value):
        return int(text)
    is_whole = value.is_integer() and abs(value) <= LARGEST_INTEGER
    return int(value) if is_whole else value


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_int=_number, parse_float=_number)
_MAY_DIFFER = re.compile(r"(?:^|[:,[])-?\d{16}|\.0(?:[],}]|$)|\\ud[89ab]")
"""What reading may change: numbers of 16 digits or more, whole ones with a point, and
halves of characters. Where it stands in a text that holds such, it changes nothing."""
