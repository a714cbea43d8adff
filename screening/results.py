"""Is the model's answer whole and in range? And is the child listed safely?

An answer is kept as it came. Only one whose every known field is right is believed;
any other is "unclassified", which always needs review and never counts as on track.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from milestones.rules import RISK_ORDER

UNCLASSIFIED = "unclassified"
RISING = RISK_ORDER
"""The risk vocabulary, in rising order (DOMAIN: risk vocabulary)."""

MAX_TEXT = 20_000
MAX_ITEMS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedResult:
    """A model's answer, and what is to be thought of it."""

    raw: dict[str, Any]
    risk: str
    """One of the vocabulary, or ``unclassified``."""

    problems: tuple[str, ...]
    """Codes of what is wrong with it, such as ``confidence_out_of_range``."""

    model_id: str


def check_result(answer: Any, *, case_id: str) -> CheckedResult:
    """Check an answer against the vocabulary; whatever it is, it can be kept.

    An answer that is no object is kept as ``{"answer": …}``, so that a result is
    always an object. An answer about another case is never believed.
    """
    if not isinstance(answer, dict):
        return CheckedResult(
            raw={"answer": answer},
            risk=UNCLASSIFIED,
            problems=("not_an_object",),
            model_id="",
        )

    problems: list[str] = []
    if answer.get("risk") not in RISING:
        problems.append("risk_unknown")
    for name in ("summary", "recommendations"):
        if not _is_text_list(answer.get(name, [])):
            problems.append(f"{name}_not_a_list_of_text")
    for name in ("parent_text", "model_id", "adapter_id", "uncertainty_reason"):
        if not _is_text(answer.get(name)):
            problems.append(f"{name}_not_text")
    if not _is_explainability(answer.get("explainability", [])):
        problems.append("explainability_malformed")
    if not _is_share(answer.get("confidence")):
        problems.append("confidence_out_of_range")
    if answer.get("case_id", case_id) != case_id:
        problems.append("case_id_of_another_case")

    model_id = answer.get("model_id")
    return CheckedResult(
        raw=answer,
        risk=UNCLASSIFIED if problems else answer["risk"],
        problems=tuple(problems),
        model_id=model_id[:128] if isinstance(model_id, str) else "",
    )


def listed_risk(model_risk: str, rules_risk: str) -> str:
    """Return the risk a case is listed under: the higher of the two, never a lower.

    ``unclassified`` stays what it is, unless the rules say refer: both are looked at
    within a day, and refer says more.
    """
    if model_risk == UNCLASSIFIED:
        return "refer" if rules_risk == "refer" else UNCLASSIFIED
    return max(model_risk, rules_risk, key=RISING.index)


def _is_text(value: Any) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= MAX_TEXT)


def _is_text_list(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_ITEMS
        and all(isinstance(item, str) and len(item) <= MAX_TEXT for item in value)
    )


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_share(value: Any) -> bool:
    return value is None or (_is_number(value) and 0 <= value <= 1)


def _is_explainability(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_ITEMS
        and all(
            isinstance(item, dict)
            and all(
                isinstance(item.get(name), str) and len(item[name]) <= MAX_TEXT
                for name in ("type", "detail")
            )
            and (item.get("score") is None or _is_number(item["score"]))
            for item in value
        )
    )
