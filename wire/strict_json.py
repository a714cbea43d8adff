"""JSON from outside, read strictly: what two readers could read differently is refused.

Refused are duplicate keys, NaN, infinities and numbers that would become one, a
byte-order mark, any encoding but UTF-8, more than 32 levels, and text that PostgreSQL
cannot store (NUL, lone surrogates).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 32
UNSTORABLE = re.compile("[\\x00\\ud800-\\udfff]")


class NotStrictJSON(ValueError):
    """The bytes are not JSON that every reader reads alike."""


class UnstorableValue(NotStrictJSON):
    """One value cannot be stored; ``path`` says which."""

    reason = "holds a value that cannot be stored"

    def __init__(self, path: str) -> None:
        super().__init__(self.reason)
        self.path = path


class UnstorableText(UnstorableValue):
    """A text holds NUL or half of a surrogate pair."""

    reason = "text holds a character that cannot be stored"


class UnstorableNumber(UnstorableValue):
    """A number is beyond the largest float."""

    reason = "holds a number too large to keep"


def loads(body: bytes, *, by_value: bool = False) -> Any:
    """Read one JSON document; ``by_value``: 1.0 is 1, as in a content of the audit log.

    Raises:
        UnstorableValue: a key or value holds NUL or a lone surrogate, or is infinite.
        NotStrictJSON: it is not strict JSON, for a reason that quotes none of it.
    """
    document = parse(body, parse_float=_by_value if by_value else None)
    inspect(document)
    return document


def parse(
    body: bytes, *, parse_float: Callable[[str], int | float] | None = None
) -> Any:
    """Read one JSON document whose depth and values are still to be inspected.

    Raises:
        NotStrictJSON: it is not strict JSON, for a reason that quotes none of it.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotStrictJSON("not UTF-8") from None
    if text.startswith("\ufeff"):
        raise NotStrictJSON("starts with a byte-order mark")
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse,
            parse_float=parse_float,
        )
    except NotStrictJSON:
        raise
    except RecursionError:
        raise NotStrictJSON(f"nested deeper than {MAX_DEPTH} levels") from None
    except json.JSONDecodeError as exc:
        raise NotStrictJSON(f"{exc.msg} at character {exc.pos}") from None
    except ValueError:
        raise NotStrictJSON("holds a number too long to read") from None


def inspect(document: Any) -> None:
    """Refuse depth and unstorable values, without recursion of our own.

    Raises:
        UnstorableValue: a key or value holds NUL or a lone surrogate, or is infinite.
        NotStrictJSON: it is nested too deep.
    """
    waiting: list[tuple[Any, str, int]] = [(document, "", 0)]
    while waiting:
        value, path, depth = waiting.pop()
        if isinstance(value, str):
            if UNSTORABLE.search(value):
                raise UnstorableText(path)
        elif isinstance(value, float):
            if math.isinf(value):
                raise UnstorableNumber(path)
        elif isinstance(value, dict | list):
            if depth >= MAX_DEPTH:
                raise NotStrictJSON(f"nested deeper than {MAX_DEPTH} levels")
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                if isinstance(key, str) and UNSTORABLE.search(key):
                    raise UnstorableText(path)
                if isinstance(inner, str | float | dict | list):
                    waiting.append(
                        (inner, f"{path}.{key}" if path else str(key), depth + 1)
                    )


def _by_value(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotStrictJSON("an object names one key twice")
    return found


def _refuse(constant: str) -> Any:
    raise NotStrictJSON(f"{constant} is not a JSON number")
