"""Safety flags: words of a diagnosis or a promise, which a clinician must see.

Plain Python. A flag in the draft or in the report is acknowledged; in what a family
reads such words must not stay.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from milestones.wording import findings
from screening.reports import Report

UNSAFE = ("diagnosis", "promise")


@dataclass(frozen=True, kw_only=True, slots=True)
class Flag:
    """One phrase that over-reaches, and where it stands."""

    kind: str
    """``diagnosis`` or ``promise``."""

    phrase: str
    sentence: str
    field: str

    @property
    def key(self) -> str:
        """Name the phrase: acknowledged once, it is so wherever it stands."""
        return f"{self.kind}:{self.phrase.casefold()}"


def flags_in(report: Report) -> tuple[Flag, ...]:
    """List the flags in a draft or a report, in reading order."""
    texts = [
        *(("summary", text) for text in report.summary),
        *(("recommendations", text) for text in report.recommendations),
        ("parent_text", report.parent_text),
    ]
    return tuple(
        Flag(kind=found.kind, phrase=found.phrase, sentence=found.sentence, field=field)
        for field, text in texts
        for found in findings(text)
        if found.kind in UNSAFE
    )


def flags_of(draft: Report, report: Report) -> tuple[Flag, ...]:
    """List the flags of both, each phrase once, the draft's first."""
    by_key = {flag.key: flag for flag in (*flags_in(report), *flags_in(draft))}
    order = {flag.key: None for flag in (*flags_in(draft), *flags_in(report))}
    return tuple(by_key[key] for key in order)


def unacknowledged(
    draft: Report, report: Report, acknowledged: Collection[str]
) -> tuple[str, ...]:
    """Name the kinds of the flags that nobody has acknowledged, one for each flag."""
    return tuple(
        flag.kind for flag in flags_of(draft, report) if flag.key not in acknowledged
    )


def unsafe_for_family(report: Report) -> tuple[str, ...]:
    """Name the kinds of words that must not stay in the family text."""
    kinds = (flag.kind for flag in flags_in(report) if flag.field == "parent_text")
    return tuple(dict.fromkeys(kinds))
