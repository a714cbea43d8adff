"""What the pages on which one signs, and of what is signed, are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User

from audit.pages import bullets
from screening.admin.child import child_of
from screening.admin.parts import risk_badge
from screening.admin.review_forms import (
    AddendumForm,
    ReviewForm,
    ViewForm,
    boxes_of,
)
from screening.admin.review_parts import (
    differences,
    evidence_lines,
    exactly,
    made_of,
    name_of,
    paragraphs,
    when,
)
from screening.documents.committed import WRITTEN
from screening.errors import ScreeningError, StalePage
from screening.models import Reason, Review
from screening.reports import WORDS, Report, Todo, lowers_refer, meaning_of, report_of
from screening.results import RISING
from screening.services.sight import has_second_read
from screening.services.signing import draft_of, left_before_signing


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that a signature needs, and whether it is there."""

    is_met: bool
    words: Any


def may_write(review: Review, user: Any) -> bool:
    """Say whether the person may write in a review as it is now."""
    return bool(
        review.state == Review.State.REQUIRES_REVIEW
        and review.assignee_id in {None, user.pk}
        and user.has_perm("screening.change_review")
    )


def report_in(review: Review) -> Report:
    """Return the report as it is written so far, or as it was signed."""
    return report_of({name: getattr(review, name) for name in WRITTEN})


def common_of(review: Review) -> dict[str, Any]:
    """Gather what the page of a case and of its report both show."""
    evidence = evidence_lines(review.job)
    return {
        "child": child_of(review.job),
        "badge": risk_badge(review.risk),
        "listed": listed_words(review),
        "made": made_of(review.job),
        "evidence": evidence,
        "is_weighed": any(weight for _, _, weight in evidence),
    }


def listed_words(review: Review) -> str:
    """Say what the case is listed under, and whose risk that is."""
    job = review.job
    risk = WORDS.get(job.risk, job.risk)
    if job.rules_risk == job.risk != job.model_risk:
        draft = WORDS.get(job.model_risk, job.model_risk)
        return (
            f"listed as {risk} because the reference rules say so; "
            f"the draft says {draft}"
        )
    return f"listed as {risk}"


def texts_of(report: Report) -> dict[str, Any]:
    """Show a report that is not to be written in."""
    return {
        "risk": risk_badge(report.risk),
        "summary": bullets(list(report.summary)),
        "recommendations": bullets(list(report.recommendations)),
        "parent_text": paragraphs(report.parent_text),
    }


# --- The signature ------------------------------


def sign_off_context(
    review: Review, user: Any, form: Any, refused: ScreeningError | None
) -> dict[str, Any]:
    """Gather what the page on which one signs shows."""
    draft, report = draft_of(review), report_in(review)
    left = left_before_signing(review)
    said = ""
    if refused is not None:
        said = str(refused).removeprefix("Nothing was signed.").strip()
    return {
        "form": form,
        "refused": said,
        "is_stale": isinstance(refused, StalePage),
        "meaning": meaning_of(draft, report),
        "rows": differences(draft, report),
        "number": sum(row.is_changed for row in differences(draft, report)),
        "checks": checks_of(review, left),
        "left": left,
        "risk": WORDS[report.risk],
        "badge": risk_badge(report.risk),
        "signer": name_of(user),
        "saved": when(review.updated_at),
        "reason": reason_of(review),
        "child": child_of(review.job),
    }


def reason_of(review: Review) -> str:
    """Say why the risk was changed, if it is and that was said."""
    if not review.reason_code or review.risk == review.job.risk:
        return ""
    return f"{Reason(review.reason_code).label}: {review.reason_text}"


def checks_of(review: Review, left: tuple[Todo, ...]) -> list[Check]:
    """List what a signature needs, met or not; what is missing is in `left`."""
    missing = {todo.code for todo in left}
    found = [Check(is_met=False, words=todo.words) for todo in left]
    boxes = boxes_of(review)
    if boxes and "flag" not in missing:
        words = "The safety flag is" if len(boxes) == 1 else "All safety flags are"
        found.append(Check(is_met=True, words=f"{words} acknowledged"))
    is_changed = review.job.risk in RISING and review.risk != review.job.risk
    if is_changed and "reason" not in missing:
        found.append(Check(is_met=True, words="Reason given for the changed risk"))
    if review.parent_text and not missing & {"family", "unsafe"}:
        who = name_of(review.family_approved_by)
        found.append(Check(is_met=True, words=f"Family text approved by {who}"))
    if not missing & {"second_read", "adjudication", "decided"}:
        found.append(Check(is_met=True, words=_readers(review)))
    words = f"Version {review.version} is the newest"
    return [*found, Check(is_met=True, words=words)]


def _readers(review: Review) -> str:
    if not has_second_read(review):
        needed = review.second_read_for or lowers_refer(review.job.risk, review.risk)
        return "Second read not needed" if not needed else "Waiting for a second read"
    read = review.second_read
    who = name_of(read.reader)
    if read.adjudicator is not None:
        return f"Second read by {who}; decided by {name_of(read.adjudicator)}"
    return f"Second read by {who}: same risk"


# --- The signed report ------------------------------


def signed_context(
    review: Review,
    user: User,
    *,
    addendum: AddendumForm | None = None,
    form: ReviewForm | None = None,
    decision: ViewForm | None = None,
    refused: ScreeningError | None = None,
) -> dict[str, Any]:
    """Gather what the page of a signed report shows."""
    report = report_in(review)
    may_sign = user.has_perm("screening.sign_off_review")
    assert review.signed_off_at is not None
    return {
        **common_of(review),
        "report": texts_of(report),
        "rows": [
            row for row in differences(draft_of(review), report) if row.is_changed
        ],
        "typed": form.data if form is not None else None,
        "refused": refused,
        "reason": reason_of(review),
        "signed_at": exactly(review.signed_off_at),
        "released": when(review.released_at) if review.released_at else "",
        "released_by": name_of(review.released_by),
        "read": review.second_read if has_second_read(review) else None,
        "addenda": [
            (each, exactly(each.signed_off_at)) for each in review.addenda.all()
        ],
        "addendum": (addendum or AddendumForm()) if may_sign else None,
        "may_release": (
            review.state == Review.State.SIGNED_OFF
            and user.has_perm("screening.release_review")
        ),
    }
