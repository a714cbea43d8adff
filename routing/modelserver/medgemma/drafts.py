"""A draft out of what the model wrote, or why there is none. Plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from routing.errors import ModelAnswerNotJSON
from routing.protocols import answers, prompt


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What the model wrote, and what is wrong with it."""

    answer: Any = field(repr=False)
    """The object, or the text where there is none."""

    problem: str = ""
    """A sentence that quotes nothing of the answer; empty where it can be used."""


def read(text: str, *, is_cut_off: bool) -> Draft:
    """Read the one JSON object out of a text, and hold it to the schema."""
    if is_cut_off:
        return _unusable(text, "It ended before it was whole; keep it shorter.")
    if not text.strip():
        return _unusable(text, "It was empty.")
    try:
        found = answers.object_in(text)
    except ModelAnswerNotJSON as exc:
        return _unusable(text, str(exc))
    wrong = list(dict.fromkeys(_where(error) for error in _errors(found)))
    problem = f"It does not keep the schema: {', '.join(wrong)}." if wrong else ""
    return Draft(answer=found, problem=problem)


def result(
    draft: Draft, *, model_id: str, adapter_id: str, not_given: Sequence[str]
) -> dict[str, Any]:
    """Return what is answered.

    A draft of no use is kept under ``answer``, beside a ``risk`` of null: whatever the
    model wrote, the product lists it as unclassified.
    """
    named = {"model_id": model_id, "adapter_id": adapter_id}
    missing = f"Not given to the model: {', '.join(not_given)}." if not_given else ""
    if draft.problem:
        reason = _sentences("The model gave no usable answer.", draft.problem, missing)
        return {
            "risk": None,
            "answer": draft.answer,
            "uncertainty_reason": reason,
            **named,
        }
    reason = _sentences(draft.answer["uncertainty_reason"], missing)
    return {**draft.answer, "uncertainty_reason": reason, **named}


def _unusable(text: str, problem: str) -> Draft:
    return Draft(answer=text.replace("\0", "\ufffd"), problem=problem)


@cache
def _validator() -> Any:
    return Draft202012Validator(prompt.schema())


def _errors(found: dict[str, Any]) -> Iterable[ValidationError]:
    return sorted(_validator().iter_errors(found), key=lambda error: list(error.path))


def _where(error: ValidationError) -> str:
    """Say where the schema is not kept; every name in it is one of the schema's."""
    place = ".".join(str(part) for part in error.path) or "the object"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{place} lacks {', '.join(missing)}"
    if error.validator == "additionalProperties":
        return f"{place} has a field that was not asked for"
    return f"{place} is not of the {error.validator} that it must be"


def _sentences(*found: str) -> str:
    return " ".join(filter(None, found))
