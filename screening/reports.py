"""The report of a review: what was changed, what a signature means, what is left.

Plain Python. The same function says what is left before signing and refuses a
signature: nothing is checked twice, or in two ways.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from screening.results import RISING, UNCLASSIFIED

APPROVED, MODIFIED, OVERRODE = "approved", "modified", "overrode"
WORDS = {
    "on_track": "On track",
    "monitor": "Monitor",
    "discuss": "Discuss",
    "refer": "Refer",
    UNCLASSIFIED: "No usable answer",
}
READ = "I have read what was reported, the checklist and the draft."
READ_WITHOUT_DRAFT = (
    "I have read what was reported and the checklist. There was no usable draft."
)
OWN = "This report is my own assessment."
FAMILY = "The family may read the family text."
LONGEST_REASON = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What is signed, and what of the draft it is compared with."""

    risk: str
    summary: tuple[str, ...] = ()
    recommendations: tuple[str, ...] = ()
    parent_text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One field in which the report differs from the draft."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Todo:
    """One thing that is left before signing."""

    code: str
    words: str
    field: str


def report_of(values: Mapping[str, Any]) -> Report:
    """Read a report out of a row's or a draft's values; what is not there is empty."""
    return Report(
        risk=values.get("risk") or UNCLASSIFIED,
        summary=tuple(values.get("summary") or ()),
        recommendations=tuple(values.get("recommendations") or ()),
        parent_text=values.get("parent_text") or "",
    )


def changes(draft: Report, report: Report) -> tuple[Change, ...]:
    """List the fields that differ, in the order of the report."""
    before, after = asdict(draft), asdict(report)
    return tuple(
        Change(field=name, before=before[name], after=after[name])
        for name in before
        if before[name] != after[name]
    )


def outcome_of(found: Sequence[Change]) -> str:
    """Say what a signature under these changes means (DOMAIN: human in the loop)."""
    if not found:
        return APPROVED
    return OVERRODE if any(c.field == "risk" for c in found) else MODIFIED


def meaning_of(draft: Report, report: Report) -> str:
    """Write the sentence that is signed, from the differences alone."""
    found = changes(draft, report)
    others = sum(change.field != "risk" for change in found)
    family = [FAMILY] if report.parent_text else []
    if draft.risk == UNCLASSIFIED:
        return " ".join([READ_WITHOUT_DRAFT, OWN, *family])
    outcome = outcome_of(found)
    if outcome == APPROVED:
        said = ["I agree with the draft and changed nothing."]
    elif outcome == MODIFIED:
        said = [f"The risk is as drafted; I changed {_fields(others)}."]
    else:
        also = f" and {_fields(others)}" if others else ""
        moved = f"{WORDS[draft.risk]} to {WORDS[report.risk]}"
        said = [OWN, f"I changed the risk from {moved}{also}."]
    return " ".join([READ, *said, *family])


def digest_of(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of signed content, as hex of its canonical JSON."""
    return hashlib.sha256(signed_bytes(content)).hexdigest()


def signed_bytes(content: Mapping[str, Any]) -> bytes:
    """Write signed content as its digest is taken of it. It holds no fractions."""
    canonical = json.dumps(
        content, sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return canonical.encode()


def lowers_refer(listed: str, risk: str) -> bool:
    """Say whether a refer was lowered: then a second reader is needed."""
    return listed == "refer" and risk != "refer"


def left_to_do(
    report: Report,
    *,
    listed: str,
    reason_code: str,
    reason_text: str,
    unacknowledged: Sequence[str],
    family_approved: bool,
    unsafe_for_family: Sequence[str],
    second_read_for: str,
    second_risk: str,
    decided_risk: str,
) -> tuple[Todo, ...]:
    """List what is left before the report may be signed; nothing: it may be.

    ``listed`` is what the case was listed under; ``unacknowledged`` names the safety
    flags that nobody has ticked, ``unsafe_for_family`` the kinds of words that must not
    stay in the family text; ``second_read_for`` says why a second read is needed
    (empty: it is not), ``second_risk`` and ``decided_risk`` what the second reader and
    the adjudicator gave (empty: nothing yet).
    """
    left: list[Todo] = []
    if report.risk not in RISING:
        left.append(Todo(code="risk", words="Choose a risk", field="risk"))
    left += [
        Todo(code="flag", words=f"Acknowledge the {kind} flag", field="acknowledged")
        for kind in unacknowledged
    ]
    is_changed = listed in RISING and report.risk != listed
    if is_changed and not (reason_code and reason_text.strip()):
        left.append(
            Todo(
                code="reason",
                words="Give a reason for the changed risk",
                field="reason_code",
            )
        )
    left += [
        Todo(
            code="unsafe",
            words=f"Take the words of a {kind} out of the family text",
            field="parent_text",
        )
        for kind in unsafe_for_family
    ]
    if report.parent_text and not family_approved:
        left.append(
            Todo(code="family", words="Approve the family text", field="parent_text")
        )
    if second_read_for or lowers_refer(listed, report.risk):
        left += _left_of_readers(report.risk, second_risk, decided_risk)
    return tuple(left)


def _left_of_readers(risk: str, second: str, decided: str) -> list[Todo]:
    if not second:
        words = "Wait for the second reader"
        return [Todo(code="second_read", words=words, field="risk")]
    agreed = decided or (second if second == risk else "")
    if not agreed:
        words = "Wait for the colleague who decides between the two readers"
        return [Todo(code="adjudication", words=words, field="risk")]
    if agreed != risk:
        words = f"Sign {WORDS[agreed]}, as was decided"
        return [Todo(code="decided", words=words, field="risk")]
    return []


def _fields(number: int) -> str:
    return "1 other field" if number == 1 else f"{number} other fields"
