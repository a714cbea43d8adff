"""How hard a text is to read, and whether a family may be given it. English only.

Grade: the Flesch-Kincaid grade level, in years of US schooling (Kincaid, Fishburne,
Rogers & Chissom, Derivation of New Readability Formulas, Research Branch Report
8-75, Naval Technical Training Command, 1975).

Limit: the American Medical Association advises sixth grade for what patients read,
the National Institutes of Health at most eighth (both as in Rooney et al., J Patient
Exp 2021;8:2374373521998847). The more lenient of the two is what refuses.

A formula counts letters and full stops. It does not know whether a text is true, kind
or clear, so a low grade is no approval: that is a clinician's.
"""

from __future__ import annotations

import heapq
import re
import unicodedata
from dataclasses import dataclass

from milestones.wording.sentences import Span, sentences
from milestones.wording.syllables import syllables
from milestones.wording.unsafe import Finding, findings

HARDEST_GRADE = 8.0
HARDEST_GRADE_SHORT = 12.0
MOST_WORDS = 250
SHORT_WORDS = 30
SHORT_SENTENCES = 3
_WORD = re.compile(r"[^\W_]+(?:['\u2019\u02bc-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class FamilyCheck:
    """What was found in a text for the family."""

    words: int
    sentences: int
    grade: float
    """US school grade, one decimal; 0 for a text without words."""
    findings: tuple[Finding, ...]
    too_long: bool
    too_hard: bool
    is_empty: bool
    """There are no words: nothing to approve."""


def check_family_text(text: str) -> FamilyCheck:
    """Count, grade and look for unsafe words.

    More than 250 words is too long: about one printed page, our choice. A grade above
    8.0 is too hard; under 3 sentences or 30 words the formula swings with every word,
    so there only a grade of 12 or more is.
    """
    counts = [_count(text[span.start : span.end]) for span in sentences(text)]
    words = sum(count for count, _ in counts)
    spoken = sum(count > 0 for count, _ in counts)
    grade = _grade(words, spoken, sum(syllables for _, syllables in counts))
    if spoken < SHORT_SENTENCES or words < SHORT_WORDS:
        too_hard = grade >= HARDEST_GRADE_SHORT
    else:
        too_hard = grade > HARDEST_GRADE
    return FamilyCheck(
        words=words,
        sentences=spoken,
        grade=grade,
        findings=findings(text),
        too_long=words > MOST_WORDS,
        too_hard=too_hard,
        is_empty=not words,
    )


def may_be_read(check: FamilyCheck) -> bool:
    """Say whether the desk may offer the text for approval by a clinician."""
    unfit = check.is_empty or check.too_long or check.too_hard
    return not (unfit or check.findings)


def hard_sentences(text: str, most: int = 3) -> tuple[Finding, ...]:
    """Return up to ``most`` sentences above grade 8.0, hardest first.

    A text that is too hard always has one. A single sentence is graded too high or
    too low more often than a text is, so this is to show where to begin.
    """
    graded = []
    for span in sentences(text):
        words, spoken = _count(text[span.start : span.end])
        grade = _grade(words, 1, spoken)
        if words and grade > HARDEST_GRADE:
            graded.append((grade, span))
    hardest = heapq.nsmallest(most, graded, key=lambda one: (-one[0], one[1]))
    return tuple(_hard(text, span) for _, span in hardest)


def _hard(text: str, span: Span) -> Finding:
    sentence = text[span.start : span.end]
    return Finding("hard", span.start, span.end, sentence, sentence, span.start)


def _grade(words: int, sentences: int, syllables: int) -> float:
    """Return the Flesch-Kincaid grade level, to one decimal, as it is shown."""
    if not words:
        return 0.0
    grade = 0.39 * words / sentences + 11.8 * syllables / words - 15.59
    return round(grade, 1)


def _count(sentence: str) -> tuple[int, int]:
    """Return words and syllables; a hyphened word is one word, as is a number."""
    seen = "".join(c for c in sentence if unicodedata.category(c) != "Cf")
    found = _WORD.findall(unicodedata.normalize("NFKC", seen))
    return len(found), sum(map(syllables, found))
