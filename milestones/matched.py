"""Which words of a note were matched, and to what: to be underlined in it."""

from __future__ import annotations

from dataclasses import dataclass

from milestones.checklist import items
from milestones.free_text import Finding, read_each
from milestones.words import places

SAID = {"missed": "not yet", "unsure": "not sure", "lost_skill": "a lost skill"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """One piece of a note, ``text[start:end]``, and what it was taken for."""

    start: int
    end: int
    meaning: str


def matches(text: str, age: int | None) -> list[Match]:
    """Return the pieces of a note that speak of a skill or a worry, none in another.

    ``age`` is the child's checklist age in months. Where two findings rest on the same
    words, the first is named.
    """
    found = read_each(text, age)
    where = places(text) if found else []
    pieces: list[Match] = []
    for finding in sorted(found, key=lambda each: (each.start, -each.end)):
        start, end = where[finding.start], where[max(finding.end - 1, 0)] + 1
        if start < end and (not pieces or start >= pieces[-1].end):
            pieces.append(Match(start=start, end=end, meaning=_meaning(finding)))
    return pieces


def _meaning(finding: Finding) -> str:
    if finding.kind == "parent_concern":
        return "a worry"
    known = items()
    labels = [known[key].label for key in finding.keys if key in known]
    what = "; ".join(labels) or finding.skill or "skills in general"
    return f"{SAID[finding.kind]}: {what}"
