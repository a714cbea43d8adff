"""The reference rules: from a checklist and a note to one of four risks.

Deterministic and explained. They stand beside a model's answer as a comparator, and
answer by themselves where there is no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from milestones import explanation, wording
from milestones.checklist import DATA as CHECKLISTS
from milestones.evidence import NOT_SURE, Evidence, gather
from milestones.phrases import DATA as PHRASES

Risk = Literal["on_track", "monitor", "discuss", "refer"]

RISK_ORDER: tuple[Risk, ...] = ("on_track", "monitor", "discuss", "refer")
MODEL_ID = "rules-cdc2022"


def higher(a: Risk, b: Risk) -> Risk:
    """Return the graver of two risks."""
    return max(a, b, key=RISK_ORDER.index)


@cache
def adapter_id() -> str:
    """Name the data in use by its content: checklists and phrases, SHA-256 in hex."""
    data = hashlib.sha256(CHECKLISTS.read_bytes() + PHRASES.read_bytes())
    return f"cdc2022-{data.hexdigest()[:12]}"


def assess(
    *,
    age_months: int | None,
    gestational_weeks: int | None = None,
    answers: Mapping[str, str] | None = None,
    flags: Mapping[str, bool] | None = None,
    observations: str = "",
) -> dict[str, Any]:
    """Draft a result for one child, in the result vocabulary.

    ``age_months`` is chronological; ``answers`` are "yes", "not_yet" or "not_sure" by
    milestone key; ``flags`` are lost_skill and parent_concern. The same input gives
    the same bytes. ``confidence`` is the share of the child's checklist that was
    answered, 0 to 1: how much was asked, not how sure the rules are.

    A wrong "on_track" is the worst harm these rules can do, so it is the hardest
    answer to get: at least half of the child's own checklist answered, every answer
    "yes", and nothing against it in flags or note. A note never gives it.
    """
    evidence = gather(
        age_months=age_months,
        gestational_weeks=gestational_weeks,
        answers=answers or {},
        flags=flags or {},
        observations=observations,
    )
    risk, reason = decide(evidence)
    return {
        "risk": risk,
        "summary": wording.summary(evidence, risk, reason),
        "recommendations": wording.recommendations(evidence, risk),
        "parent_text": wording.parent_text(evidence, risk),
        "explainability": explanation.explain(evidence),
        "confidence": confidence(evidence),
        "uncertainty_reason": explanation.uncertainty(evidence),
        "model_id": MODEL_ID,
        "adapter_id": adapter_id(),
        "age_months": evidence.age_months,
        "corrected_age_months": evidence.corrected_months,
        "checklist_age_months": evidence.checklist_months,
    }


def decide(evidence: Evidence) -> tuple[Risk, str]:
    """Return the risk and the reason for it: the first rule that holds, gravest first.

    Two items not yet are a referral whether they fall in one domain or in two.
    """
    missed = evidence.missed()
    if evidence.has_lost_skill():
        return "refer", "a skill has been lost"
    if evidence.checklist_months is None:
        return "discuss", "there is no checklist for this age"
    if any(item in evidence.before for item in missed):
        return "refer", "an item of the checklist before is not yet met"
    if len(missed) >= 2:
        return "refer", "two or more items are not yet met"
    if missed:
        return "discuss", "one item is not yet met"
    if evidence.has_concern():
        return "discuss", "the family is worried"
    if not evidence.own_answered():
        return "discuss", "the checklist for this age was not answered"
    if evidence.answered(NOT_SURE) or evidence.noted("unsure"):
        return "monitor", "some items are not sure"
    if evidence.own_yes() * 2 < len(evidence.own):
        return "monitor", "fewer than half of the items were answered"
    return "on_track", "every item answered is met"


def confidence(evidence: Evidence) -> float:
    """Return the share of the child's checklist that was answered, to 2 decimals."""
    if not evidence.own:
        return 0.0
    return round(evidence.own_answered() / len(evidence.own), 2)
