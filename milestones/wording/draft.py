"""The draft's own words: for the clinician, and for the family.

Nothing here names a condition or makes a promise; a clinician reads and changes all
of it before a family does.
"""

from __future__ import annotations

from collections.abc import Iterable

from milestones import explanation
from milestones.checklist import CREDIT, Item
from milestones.evidence import NOT_SURE, NOT_YET, Evidence

RISK_WORDS = {
    "on_track": "On track",
    "monitor": "Monitor",
    "discuss": "Discuss",
    "refer": "Refer",
}
SCHOOL_SERVICES_FROM_MONTHS = 36
# AAP schedule, Pediatrics 2020;145(1):e20193449.
SCREEN_AT_MONTHS = (9, 18, 30)
MCHAT_AT_MONTHS = (18, 24)
LABELS_FOR_FAMILY = 3


def summary(evidence: Evidence, risk: str, reason: str) -> list[str]:
    """Say to the clinician what was found, in short lines."""
    lines = [f"{RISK_WORDS[risk]}: {reason}.", explanation.ages(evidence)]
    if missed := evidence.answered(NOT_YET):
        lines.append(f"Not yet: {_labels(missed)}.")
    if unsure := evidence.answered(NOT_SURE):
        lines.append(f"Not sure: {_labels(unsure)}.")
    if noted := evidence.noted("missed"):
        lines.append(f"Read in the note, low confidence: {_labels(noted)}.")
    if evidence.has_lost_skill():
        lines.append("A lost skill was reported.")
    if evidence.has_concern():
        lines.append("The family is worried.")
    if evidence.own:
        lines.append(
            f"{evidence.own_answered()} of {len(evidence.own)} items answered."
        )
    lines.append(CREDIT)
    return lines


def recommendations(evidence: Evidence, risk: str) -> list[str]:
    """Propose next steps to the clinician."""
    age = evidence.age_months
    steps = []
    if risk == "refer":
        steps.append("Confirm what was reported with the family and by observation.")
        if evidence.has_lost_skill():
            steps.append("A lost skill: arrange a medical review soon.")
        if age is not None and age >= SCHOOL_SERVICES_FROM_MONTHS:
            steps.append(
                "Consider a developmental evaluation and preschool special education."
            )
        else:
            steps.append("Consider a developmental evaluation and early intervention.")
        steps.append("Check hearing and vision.")
    elif risk == "discuss":
        steps.append("Talk through the answers and any worries with the family.")
        steps.append("Consider a standardised developmental screen.")
    elif risk == "monitor":
        steps.append("Ask again about the items that were not sure or not answered.")
    else:
        steps.append("Go on with surveillance at the next well visit.")
    if evidence.own and evidence.own_answered() < len(evidence.own):
        steps.append("Complete the milestone checklist with the family.")
    if evidence.checklist_months in SCREEN_AT_MONTHS:
        steps.append("AAP schedule: a standardised developmental screen at this age.")
    if evidence.checklist_months in MCHAT_AT_MONTHS:
        steps.append("AAP schedule: M-CHAT-R/F or the like at this age.")
    return steps


_FOR_FAMILY = {
    "on_track": (
        "Your answers show your child doing the things we asked about for this age."
        " Keep talking, reading and playing with your child each day."
        " If you see a change or feel worried, please tell us."
    ),
    "monitor": (
        "Some answers were not sure or were left blank."
        " Watch for these skills as you play and read with your child."
        " We will ask you about them again. If you feel worried, please tell us."
    ),
    "discuss": (
        "We would like to talk with you about how your child plays, talks and moves."
        " Please tell us what you see at home and what you worry about."
        " Keep playing and reading with your child each day."
    ),
    "refer": (
        "We would like to take a closer look at how your child is learning and growing."
        " Your care team will talk with you about the next steps."
        " You know your child best, so please ask us about anything."
    ),
}
_LOST_FOR_FAMILY = (
    "It seems that your child no longer does something they did before."
    " Please call your care team soon and do not wait for the next visit."
)


def parent_text(evidence: Evidence, risk: str) -> str:
    """Write to the family in plain words, at about a sixth-grade reading level.

    Only items that the family answered are listed, never what was read in a note.
    """
    parts = []
    if evidence.has_lost_skill():
        parts.append(_LOST_FOR_FAMILY)
    parts.append(_FOR_FAMILY[risk])
    if missed := evidence.answered(NOT_YET)[:LABELS_FOR_FAMILY]:
        parts.append(f"You said your child is not yet doing this: {_labels(missed)}.")
    is_corrected = evidence.corrected_months != evidence.age_months
    if is_corrected and evidence.checklist_months is not None:
        parts.append(
            "Your child was born early, so we used the list for"
            f" {evidence.checklist_months} months."
        )
    return " ".join(parts)


def _labels(found: Iterable[Item]) -> str:
    """Join labels into the middle of a sentence."""
    return "; ".join(item.label[0].lower() + item.label[1:] for item in found)
