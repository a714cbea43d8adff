"""What is known of one child, set against the checklists for its age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from milestones import free_text
from milestones.ages import checklist_age, corrected_months, previous_age
from milestones.checklist import Item, checklist, items

YES, NOT_YET, NOT_SURE = "yes", "not_yet", "not_sure"
ANSWERS = (YES, NOT_YET, NOT_SURE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """The answers, flags and findings that count, and those that do not.

    All keys are in checklist order, whatever the order of the input.
    """

    age_months: int | None
    corrected_months: float | None
    gestational_weeks: int | None
    checklist_months: int | None
    """Age of the checklist used; None when there is none for this age."""
    own: tuple[Item, ...]
    """The items of that checklist."""
    before: tuple[Item, ...]
    """The items of the checklist before it."""
    answers: Mapping[str, str]
    """The answers to items of either checklist, by key."""
    unused: tuple[str, ...]
    """Keys that were answered and stand on neither."""
    findings: tuple[free_text.Finding, ...]
    has_note: bool
    flagged_lost: bool
    flagged_concern: bool

    def answered(self, answer: str) -> tuple[Item, ...]:
        """List the items of both checklists that have this answer."""
        return tuple(
            item
            for item in (*self.before, *self.own)
            if self.answers.get(item.key) == answer
        )

    def noted(self, kind: free_text.FindingKind) -> tuple[Item, ...]:
        """List the items of both checklists that the note speaks of in this way."""
        keys = {
            key for found in self.findings if found.kind == kind for key in found.keys
        }
        return tuple(item for item in (*self.before, *self.own) if item.key in keys)

    def missed(self) -> tuple[Item, ...]:
        """List the items answered "not yet" or missing according to the note."""
        keys = {item.key for item in (*self.answered(NOT_YET), *self.noted("missed"))}
        return tuple(item for item in (*self.before, *self.own) if item.key in keys)

    def own_answered(self) -> int:
        """Count the answers to the child's own checklist."""
        return sum(item.key in self.answers for item in self.own)

    def own_yes(self) -> int:
        """Count the items of the child's own checklist that were answered "yes"."""
        return sum(self.answers.get(item.key) == YES for item in self.own)

    def has_lost_skill(self) -> bool:
        """Say whether a lost skill was flagged or is in the note."""
        return self.flagged_lost or any(f.kind == "lost_skill" for f in self.findings)

    def has_concern(self) -> bool:
        """Say whether a worry was flagged or is in the note."""
        return self.flagged_concern or any(
            found.kind == "parent_concern" for found in self.findings
        )


def gather(
    *,
    age_months: int | None,
    gestational_weeks: int | None,
    answers: Mapping[str, str],
    flags: Mapping[str, bool],
    observations: str,
) -> Evidence:
    """Choose the checklist, and sort what was said by whether it counts there.

    Ages are in months. An answer outside the vocabulary counts as not given.
    """
    corrected = None
    if age_months is not None:
        corrected = corrected_months(age_months, gestational_weeks)
    age = None if corrected is None else checklist_age(corrected)
    earlier = None if age is None else previous_age(age)
    own = () if age is None else checklist(age)
    before = () if earlier is None else checklist(earlier)
    used = {
        item.key: answers[item.key]
        for item in (*before, *own)
        if answers.get(item.key) in ANSWERS
    }
    rank = {key: n for n, key in enumerate(items())}
    unused = sorted(
        set(answers) - set(used), key=lambda key: (rank.get(key, len(rank)), key)
    )
    return Evidence(
        age_months=age_months,
        corrected_months=None if corrected is None else round(corrected, 2),
        gestational_weeks=gestational_weeks,
        checklist_months=age,
        own=own,
        before=before,
        answers=used,
        unused=tuple(unused),
        findings=tuple(free_text.read(observations, age)),
        has_note=bool(observations.strip()),
        flagged_lost=bool(flags.get("lost_skill")),
        flagged_concern=bool(flags.get("parent_concern")),
    )
