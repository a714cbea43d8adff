"""What made a draft: names that are short and plain, whatever a model calls itself."""

from __future__ import annotations

import re
from typing import Any

PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,63}")
NOT_PLAIN = "name-not-plain"
"""Stands for a name that is none: what a model calls itself could be anything."""


def plain_name(text: object) -> str:
    """Keep a name that is one short word of plain letters; nothing stays nothing."""
    if text is None or text == "":
        return ""
    is_plain = isinstance(text, str) and PLAIN.fullmatch(text)
    return str(text) if is_plain else NOT_PLAIN


def prompt_of(route: Any) -> str:
    """Name the prompt of the last try, from a job's route; nothing without a prompt."""
    tries = [
        one
        for way in (route if isinstance(route, list) else [])
        if isinstance(way, dict)
        for one in way.get("tries") or []
        if isinstance(one, dict)
    ]
    return plain_name(tries[-1].get("prompt")) if tries else ""


def words_of_model(model: str, adapter: str) -> str:
    """Call a model by its own name and its adapter's."""
    return " ".join(filter(None, [model or "model without a name", adapter]))


def words_of_prompt(prompt: str) -> str:
    """Call a prompt by its version."""
    return f"Prompt {prompt}" if prompt else "No prompt"
