"""JSON from outside, read strictly: what two readers could read differently is refused.

Refused are duplicate keys, NaN, infinities and numbers that would become one, a
byte-order mark, any encoding but UTF-8, more than 32 levels, and text that PostgreSQL
cannot store (NUL, lone surrogates).
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 32
UNSTORABLE = re.compile("[\\x00\\ud800-\\udfff]")


class NotStrictJSON(ValueError):
    """The bytes are not JSON that every reader reads alike."""


class UnstorableText(NotStrictJSON):
    """A text holds NUL or half of a surrogate pair; ``path`` says which."""

    def __init__(self, path: str) -> None:
        super().__init__("text holds a character that cannot be stored")
        self.path = path


def loads(body: bytes) -> Any:
    """Read one JSON document.

    Raises:
        UnstorableText: a key or value holds NUL or a lone surrogate.
        NotStrictJSON: it is not strict JSON, for a reason that quotes none of it.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotStrictJSON("not UTF-8") from None
    if text.startswith("\ufeff"):
        raise NotStrictJSON("starts with a byte-order mark")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse,
            parse_float=_finite,
        )
    except NotStrictJSON:
        raise
    except RecursionError:
        raise NotStrictJSON(f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as exc:
        raise NotStrictJSON(f"{exc.msg} at character {exc.pos}") from None
    except ValueError:
        raise NotStrictJSON("holds a number too long to read") from None
    _inspect(document)
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJSON("an object names one key twice")
    return found


def _refuse(constant: str) -> Any:
    raise NotStrictJSON(f"{constant} is not a JSON number")


def _finite(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise NotStrictJSON("holds a number too large to keep")
    return value


def _inspect(document: Any) -> None:
    """Refuse depth and unstorable text, without recursion of our own."""
    waiting: list[tuple[Any, str, int]] = [(document, "", 0)]
    while waiting:
        value, path, depth = waiting.pop()
        if isinstance(value, str):
            if UNSTORABLE.search(value):
                raise UnstorableText(path)
        elif isinstance(value, dict | list):
            if depth >= MAX_DEPTH:
                raise NotStrictJSON(f"nested deeper than {MAX_DEPTH} levels")
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                if isinstance(key, str) and UNSTORABLE.search(key):
                    raise UnstorableText(path)
                if isinstance(inner, str | dict | list):
                    waiting.append(
                        (inner, f"{path}.{key}" if path else str(key), depth + 1)
                    )
