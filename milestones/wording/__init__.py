"""Words that a family or a clinician reads: those of the draft, and what to refuse.

`draft` writes, `unsafe` finds what diagnoses or promises, `reading` says how hard a
text is and whether a family may be given it.
"""

from __future__ import annotations

from milestones.wording.draft import parent_text, recommendations, summary
from milestones.wording.reading import (
    FamilyCheck,
    check_family_text,
    hard_sentences,
    may_be_read,
)
from milestones.wording.unsafe import Finding, findings

__all__ = [
    "FamilyCheck",
    "Finding",
    "check_family_text",
    "findings",
    "hard_sentences",
    "may_be_read",
    "parent_text",
    "recommendations",
    "summary",
]
