"""The one way to write an event: the bytes that are hashed are these, and no others.

JSON with sorted ASCII keys and no spaces, of strings, whole numbers, truth values and
null. No floating point: two programs write one number in two ways. Written so it is
also what RFC 8785 (JCS) writes. Plain Python.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

LARGEST_INTEGER = 2**53 - 1
"""Beyond it other readers of JSON round, and RFC 8785 does too."""

LONGEST_INTEGER = len(f"-{LARGEST_INTEGER}")

DEEPEST = 16
"""Objects and lists within one another."""


class NotCanonical(Exception):
    """This cannot be an event's text; the message says why, and quotes nothing."""


def encode(event: dict[str, Any], *, depth: int = 1) -> str:
    """Write an event; its UTF-8 bytes are what is hashed.

    A part of one, which other objects are around, says at which ``depth`` it stands.

    Raises:
        NotCanonical: it holds what an event may not.
    """
    if not isinstance(event, dict):
        raise NotCanonical("an event is an object")
    _check(event, depth=depth)
    return _ENCODER.encode(event)


def text(value: str) -> str:
    """Write a text as it stands in an event, with its quotes.

    Raises:
        NotCanonical: it holds what an event may not.
    """
    _check_text(value)
    return _ENCODER.encode(value)


def decode(text: str) -> dict[str, Any]:
    """Read an event's text, which must be exactly as `encode` writes it.

    Raises:
        NotCanonical: it is not.
    """
    try:
        event = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise NotCanonical("it is not JSON") from error
    if (_ENCODER.encode(event) if _is_plain(text, event) else encode(event)) != text:
        json.loads(text, object_pairs_hook=_object)
        raise NotCanonical("it is not written in the canonical way")
    return event  # type: ignore[no-any-return]


def _is_plain(text: str, event: Any) -> bool:
    """Say of what was read, numbers and all, whether it surely can be an event.

    Almost all are seen to be by their text, which is far quicker than asking each
    value: nothing is escaped that may not be, and nothing can be nested too deep.
    """
    is_shallow = text.count("{") + text.count("[") <= DEEPEST
    return (
        is_shallow and text.isascii() and "\\u" not in text and isinstance(event, dict)
    )


def _check(value: Any, *, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise NotCanonical("a whole number is too large to be read everywhere")
    elif isinstance(value, dict | list | tuple):
        if depth > DEEPEST:
            raise NotCanonical("it is nested too deep")
        if isinstance(value, dict):
            _check_keys(value)
            value = value.values()
        # Almost all are texts, and a call for each would be most of the time.
        _check_text("".join([each for each in value if isinstance(each, str)]))
        for each in value:
            if not isinstance(each, str):
                _check(each, depth=depth + 1)
    elif value is not None:
        raise NotCanonical(f"{type(value).__name__} has no canonical form")


def _check_text(text: str) -> None:
    if "\0" in text:
        raise NotCanonical("a text holds NUL")
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        # The error itself would quote the text.
        raise NotCanonical("a text holds half a character (a surrogate)") from None


def _check_keys(value: dict[Any, Any]) -> None:
    try:
        names = "".join(value)
    except TypeError:
        names = "\0"
    if not names.isascii() or "\0" in names:
        raise NotCanonical("a key is not ASCII text")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotCanonical("a key stands twice")
    return value


def _whole(text: str) -> int:
    if len(text) > LONGEST_INTEGER or abs(number := int(text)) > LARGEST_INTEGER:
        raise NotCanonical("a whole number is too large to be read everywhere")
    return number


def _no_float(text: str) -> NoReturn:
    raise NotCanonical("a number is not whole")


_DECODER = json.JSONDecoder(
    parse_int=_whole, parse_float=_no_float, parse_constant=_no_float
)
_ENCODER = json.JSONEncoder(
    # What goes around in a circle has been refused: it is nested too deep.
    check_circular=False,
    ensure_ascii=False,
    sort_keys=True,
    separators=(",", ":"),
)
