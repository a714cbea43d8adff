"""A signed report as every document of it is made from: plain values, no database.

What was signed and added stands apart from what was reported of the child: the
fingerprint covers the one and not the other, and each document says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

DISCLAIMER = "Supports a clinician's judgement and makes no diagnosis."
CREDIT = (
    'Checklist items are short paraphrases of CDC\'s "Learn the Signs. Act Early." '
    "milestones (2022): monitoring aids, not validated screening tools. CDC does not "
    "endorse this product."
)
NOT_WHOLE = (
    "This is not the text that was signed. It was changed after the signature, so it "
    "carries none: do not rely on it, and tell whoever runs this service."
)
ADDENDUM_NOT_WHOLE = (
    "This is not the text that was signed. It was changed after the signature, so it "
    "carries none."
)
ENDINGS = {"pdf": ".pdf", "fhir": ".fhir.json"}
OUTCOMES = {
    "approved": "Signed as drafted",
    "modified": "Signed with changes",
    "overrode": "Signed with a different risk",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """What was sent of the child, as it was received."""

    screened_at: datetime
    age_months: int | None = None
    gestational_weeks: int | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Addition:
    """One addendum, under a signature of its own."""

    number: int
    text: str
    signer: str
    signed_at: datetime
    digest: str
    is_whole: bool
    """Whether the text still has the digest that was signed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedReport:
    """What stands under one signature, and what was added to it."""

    job_id: str
    case_id: str
    clinic: str
    clinic_slug: str
    version: int
    risk: str
    summary: tuple[str, ...]
    recommendations: tuple[str, ...]
    parent_text: str
    outcome: str
    meaning: str
    reason: str
    """Why another risk was signed than the case is listed under; mostly empty."""
    model_id: str
    """Which model made the draft; empty where there was none."""
    signer: str
    signed_at: datetime
    digest: str
    is_whole: bool
    """Whether the content still has the digest that was signed."""
    released_at: datetime | None
    family_approved_at: datetime | None
    additions: tuple[Addition, ...]
    reported: Reported
    zone: tzinfo

    @property
    def last_signed_at(self) -> datetime:
        """Return when the report, or the newest addendum, was signed."""
        return max([self.signed_at, *(each.signed_at for each in self.additions)])


def moment_words(moment: datetime, zone: tzinfo) -> str:
    """Say when a signature was given: in local time and in UTC, with seconds."""
    utc = moment.astimezone(UTC)
    local = moment.astimezone(zone)
    if local.utcoffset() == utc.utcoffset():
        return f"{utc.day} {utc:%B %Y, %H:%M:%S} UTC"
    also = "" if utc.date() == local.date() else f"{utc.day} {utc:%B} "
    place = str(zone).rsplit("/", maxsplit=1)[-1].replace("_", " ")
    said = f"{local.day} {local:%B %Y, %H:%M:%S} {place} time"
    return f"{said} ({also}{utc:%H:%M:%S} UTC)"


def day_words(moment: datetime, zone: tzinfo) -> str:
    """Say on which day, as people there count: "24 Nov 2026"."""
    local = moment.astimezone(zone)
    return f"{local.day} {local:%b %Y}"


def fingerprint_words(digest: str) -> str:
    """Write a digest in groups, so that two people can compare it."""
    return " ".join(digest[n : n + 16] for n in range(0, len(digest), 16))


def file_name(report: SignedReport, *, form: str, part: str) -> str:
    """Name a file after the case, in letters that every system takes."""
    safe = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "-_") else "_"
        for letter in report.case_id[:60]
    )
    kind = "family" if part == "family" else "report"
    return f"{kind}-{safe}{ENDINGS[form]}"
