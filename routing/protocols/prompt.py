"""What a general model is told: the versioned prompt, the schema, and the record.

The record is the child's data as one line of JSON between two marks. Its texts are
untrusted, so nothing in them can look like a mark, a code fence or a chat template's
own tokens: such characters leave here as JSON escapes.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from milestones.ages import checklist_age, corrected_months
from milestones.checklist import Item, checklist, items

FILES = Path(__file__).with_name("prompts")
VERSION = "screening-1"
"""The prompt: its rules, the frame of the record, and the words of a second try."""

SCHEMA_VERSION = "result-1"
"""``model_id`` and ``adapter_id`` are not in it: a model cannot know its own."""

ANSWERS = ("yes", "not_yet", "not_sure")
FLAGS = ("lost_skill", "parent_concern")

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MARKS = frozenset("<>[]{}`|")
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})


@cache
def system() -> str:
    """Return the rules a model drafts by."""
    return _text("screening-1.txt")


@cache
def again() -> str:
    """Return what is added to the rules when an answer could not be read."""
    return _text("again-1.txt")


def schema() -> dict[str, Any]:
    """Return the JSON schema of the result vocabulary, a copy for each caller."""
    found: dict[str, Any] = json.loads(_text("result-1.schema.json"))
    return found


def response_format() -> dict[str, Any]:
    """Ask for the schema in the way of chat completions."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "screening_result", "strict": True, "schema": schema()},
    }


@cache
def _digests() -> tuple[str, str]:
    words = "\0".join((system(), _text("record-1.txt"), again()))
    return _sha256(words), _sha256(_text("result-1.schema.json"))


def provenance(message: str) -> dict[str, str]:
    """Name by version and SHA-256 what a draft came from; ``message`` is the input."""
    prompt, of_schema = _digests()
    return {
        "prompt": VERSION,
        "prompt_sha256": prompt,
        "schema": SCHEMA_VERSION,
        "schema_sha256": of_schema,
        "input_sha256": _sha256(message),
    }


def user_message(payload: dict[str, Any], *, not_given: Sequence[str] = ()) -> str:
    """Render a submission as data; the same one gives the same text.

    ``not_given`` names inputs that exist and are not passed on.
    """
    frame = _text("record-1.txt")
    return frame.replace("{record}", _one_line(record(payload, not_given=not_given)))


def record(payload: dict[str, Any], *, not_given: Sequence[str] = ()) -> dict[str, Any]:
    """List what a model is to read of a submission; the case's name is not in it."""
    age, weeks = payload.get("age_months"), payload.get("gestational_weeks")
    corrected = None if age is None else corrected_months(age, weeks)
    months = None if corrected is None else checklist_age(corrected)
    own = () if months is None else checklist(months)
    answers = payload.get("milestones") or {}
    flags = payload.get("flags") or {}
    return {
        "age_months": age,
        "gestational_weeks": weeks,
        "corrected_age_months": None if corrected is None else round(corrected, 1),
        "checklist_age_months": months,
        "checklist": [_row(item, answers) for item in own],
        "other_answers": [
            _row(item, answers)
            for item in items().values()
            if item.key in answers and item not in own
        ],
        "flags": {name: bool(flags[name]) if name in flags else None for name in FLAGS},
        "observations": payload.get("observations", ""),
        "not_given": list(not_given),
    }


def _row(item: Item, answers: dict[str, Any]) -> dict[str, Any]:
    answer = answers.get(item.key)
    return {
        "key": item.key,
        "domain": item.domain,
        "asks": item.label,
        "answer": answer if answer in ANSWERS else None,
    }


def _one_line(found: dict[str, Any]) -> str:
    """Write JSON whose strings hold neither marks nor characters that are not seen."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return _STRING.sub(lambda literal: "".join(map(_seen, literal.group())), text)


def _seen(char: str) -> str:
    if char in _MARKS:
        return f"\\u{ord(char):04x}"
    if unicodedata.category(char) in _UNSEEN:
        return json.dumps(char)[1:-1]
    return char


@cache
def _text(name: str) -> str:
    return (FILES / name).read_text(encoding="utf-8").strip()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
