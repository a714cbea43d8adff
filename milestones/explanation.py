"""Why the rules came to their answer, and what makes it uncertain."""

from __future__ import annotations

import re
from collections.abc import Iterable

from milestones.checklist import Item
from milestones.evidence import NOT_SURE, NOT_YET, YES, Evidence

UNUSED_SHOWN = 20
FINDINGS_SHOWN = 60
_GRAVEST_FIRST = ("lost_skill", "missed", "parent_concern", "unsure")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.]{1,64}")


def ages(evidence: Evidence) -> str:
    """Say the age, the corrected age where there is one, and the checklist used."""
    if evidence.age_months is None:
        return "Age not given; no checklist."
    text = f"Age {evidence.age_months} months"
    if evidence.corrected_months != evidence.age_months:
        text += (
            f", corrected for birth at {evidence.gestational_weeks} weeks:"
            f" {evidence.corrected_months:.1f} months"
        )
    if evidence.checklist_months is None:
        return f"{text}; no checklist for this age."
    return f"{text}; {evidence.checklist_months}-month checklist."


def explain(evidence: Evidence) -> list[dict[str, str]]:
    """List what counted, by milestone key, and what did not.

    The words of the note are never repeated.
    """
    lines = [("age", ages(evidence))]
    if evidence.flagged_lost:
        lines.append(("lost_skill", "Flagged: a skill was lost."))
    if evidence.flagged_concern:
        lines.append(("parent_concern", "Flagged: the family is worried."))
    for answer, words in ((NOT_YET, "not yet"), (NOT_SURE, "not sure")):
        lines += [
            ("milestone", f"{item.key}: {words}") for item in evidence.answered(answer)
        ]
    if met := evidence.answered(YES):
        lines.append(("milestone", f"Met: {_keys(met)}"))
    lines += _note(evidence)
    lines += _not_used(evidence)
    return [{"type": kind, "detail": detail} for kind, detail in lines]


def _note(evidence: Evidence) -> Iterable[tuple[str, str]]:
    """Say what was read in the note, skill by skill, the gravest first."""
    said = {
        "missed": ("free_text", "seems missing"),
        "unsure": ("free_text", "seems unsure"),
        "lost_skill": ("lost_skill", "seems lost"),
    }
    findings = sorted(
        evidence.findings, key=lambda found: _GRAVEST_FIRST.index(found.kind)
    )
    for found in findings[:FINDINGS_SHOWN]:
        if found.kind == "parent_concern":
            yield "parent_concern", "Note: a worry (low confidence)."
            continue
        kind, words = said[found.kind]
        skill = found.skill or "skills in general"
        against = f": {', '.join(found.keys)}" if found.keys else ""
        yield kind, f'Note: "{skill}" {words} (low confidence){against}'
    if (more := len(findings) - FINDINGS_SHOWN) > 0:
        yield "free_text", f"Note: {more} more findings (low confidence)."
    if doubted := [
        item
        for item in evidence.noted("missed")
        if evidence.answers.get(item.key) == YES
    ]:
        yield (
            "free_text",
            f"Answered yes, but the note seems to differ: {_keys(doubted)}",
        )
    if evidence.has_note and not evidence.findings:
        yield "free_text", "Note: read by keywords only; nothing in it was matched."


def _not_used(evidence: Evidence) -> Iterable[tuple[str, str]]:
    """Name the answers that belong to neither checklist."""
    if not evidence.unused:
        return
    shown = [
        key if _PLAIN_KEY.fullmatch(key) else "(not a milestone key)"
        for key in evidence.unused[:UNUSED_SHOWN]
    ]
    more = len(evidence.unused) - len(shown)
    rest = f" and {more} more" if more else ""
    yield "not_used", f"Answers not used at this age: {', '.join(shown)}{rest}"


def uncertainty(evidence: Evidence) -> str | None:
    """Say what is missing for a sure answer; None when nothing is."""
    if evidence.age_months is None:
        return "The age was not given."
    if evidence.checklist_months is None:
        return "There is no checklist for this age."
    reasons = []
    total, answered = len(evidence.own), evidence.own_answered()
    if answered < total:
        reasons.append(f"The checklist was incomplete: {answered} of {total} answered.")
    if unsure := len(evidence.answered(NOT_SURE)):
        reasons.append(f'Answered "not sure": {unsure}.')
    if evidence.findings:
        reasons.append("The note was read by keywords, with low confidence.")
    elif evidence.has_note:
        reasons.append("Nothing in the note was matched.")
    return " ".join(reasons) or None


def _keys(found: Iterable[Item]) -> str:
    return ", ".join(item.key for item in found)
