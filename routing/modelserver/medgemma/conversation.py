"""What MedGemma is told of a question: the house's prompt, and a little beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from routing.modelserver.contract import Question
from routing.protocols import prompt
from routing.protocols.chat import told_again

VERSION = "medgemma-1"
"""The words about an embedding, and of what was wrong; beside the house's prompt."""

EMBEDDING = "<embedding>"
"""Stands where the embedding's soft tokens go. No record can hold it."""

FILES = Path(__file__).with_name("prompts")

Messages = list[dict[str, Any]]


def messages(
    question: Question,
    *,
    pictures: int,
    has_embedding: bool,
    not_given: Sequence[str],
) -> Messages:
    """Write the rules and the record, with places for pictures and an embedding.

    The case's identifier is not in it. ``not_given`` are inputs that exist for the
    child and that the model cannot read.
    """
    record = {
        "age_months": question.age_months,
        "gestational_weeks": question.gestational_weeks,
        "milestones": question.milestones,
        "flags": question.flags,
        "observations": question.observations,
    }
    parts: list[dict[str, str]] = [
        {"type": "text", "text": prompt.user_message(record, not_given=not_given)},
        *[{"type": "image"}] * pictures,
    ]
    if has_embedding:
        parts.append({"type": "text", "text": f"\n{_text('embedding')}\n{EMBEDDING}"})
    return [
        {"role": "system", "content": _rules()},
        {"role": "user", "content": parts},
    ]


def told_what_was_wrong(before: Messages, problem: str) -> Messages:
    """Add to the rules that the last answer was of no use, and why.

    ``problem`` is a sentence of ours: nothing that the model wrote is in it.
    """
    rules, *rest = told_again(before)
    content = f"{rules['content']}\n{_text('wrong').replace('{problem}', problem)}"
    return [rules | {"content": content}, *rest]


@cache
def digest() -> str:
    """Return the first 12 hex digits of the SHA-256 of every word that is said."""
    house = prompt.provenance("")
    words = [house["prompt_sha256"], house["schema_sha256"]]
    words += [_text(name) for name in ("schema", "embedding", "wrong")]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]


@cache
def _rules() -> str:
    """Nothing holds this model to the schema but being told of it."""
    return f"{prompt.system()}\n\n{_text('schema').replace('{schema}', _schema())}"


def _schema() -> str:
    return (prompt.FILES / "result-1.schema.json").read_text(encoding="utf-8").strip()


@cache
def _text(name: str) -> str:
    return (FILES / f"{name}-1.txt").read_text(encoding="utf-8").strip()
