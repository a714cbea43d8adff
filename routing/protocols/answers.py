"""A result out of a model's text."""

from __future__ import annotations

import json
from typing import Any

from routing.errors import ModelAnswerNotJSON
from wire import strict_json

_DECODER = json.JSONDecoder()


def object_in(text: str) -> dict[str, Any]:
    """Read the one JSON object that a text holds.

    A code fence or words around it are dropped. Nothing else is repaired: a text with
    two objects has two answers, and to choose one of them would be to guess.

    Raises:
        ModelAnswerNotJSON: it holds none, or more than one, or not strict JSON.
    """
    try:
        found = strict_json.loads(_whole_or_inner(text).encode(), by_value=True)
    except strict_json.NotStrictJSON as exc:
        raise ModelAnswerNotJSON(f"The model's text is not JSON: {exc}.") from None
    except UnicodeEncodeError:
        raise ModelAnswerNotJSON("The model's text cannot be stored.") from None
    if not isinstance(found, dict):
        raise ModelAnswerNotJSON("The model's text is JSON but no object.")
    return found


def _whole_or_inner(text: str) -> str:
    whole = text.strip()
    start = whole.find("{")
    if start < 0 or _is_json(whole):
        return whole
    try:
        _, end = _DECODER.raw_decode(whole, start)
    except (ValueError, RecursionError):
        return whole
    if "{" in whole[end:]:
        raise ModelAnswerNotJSON("The model's text holds more than one object.")
    return whole[start:end]


def _is_json(text: str) -> bool:
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def named_by(server: Any, answer: dict[str, Any]) -> dict[str, Any]:
    """Set ``model_id`` to what the server says it ran; a model cannot know its own."""
    kept = {key: value for key, value in answer.items() if key != "model_id"}
    return kept | {"model_id": server} if server and isinstance(server, str) else kept
