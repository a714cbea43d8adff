"""Signed reports, as they leave: each reading is written to the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from audit.actions import Action
from audit.services import Event, record
from screening.documents.committed import commitment
from screening.documents.letters import lacks_letters
from screening.documents.signed import Addition, Reported, SignedReport
from screening.errors import NotReady, NotYours
from screening.models import Addendum, Clinic, Job, Reason, Review, Signature
from screening.reports import digest_of, signed_bytes
from screening.services.review import reviews_of
from screening.services.sight import jobs_seen_by

SIGNED = (Review.State.SIGNED_OFF, Review.State.DELIVERED)
WHOLE, FAMILY = "whole", "family"


class NoReport(Exception):
    """Nothing of the case is signed."""


def read_report(
    *,
    clinic: Clinic,
    case_id: str,
    actor: str,
    form: str = "json",
    part: str = WHOLE,
) -> SignedReport:
    """Return a case's newest signed report with its addenda, word for word.

    It is what stands under the signature, not what the review's row says; ``is_whole``
    tells whether the content still has the digest that was signed. An audit event names
    who read it, in which form, and commits to what was read.

    Raises:
        NoReport: nothing of the case is signed, or the case is another clinic's.
        NotReady: the part for the family is asked for, and must not leave.
    """
    signatures = Signature.objects.filter(
        review__job__clinic=clinic,
        review__job__case__case_id=case_id,
        review__state__in=SIGNED,
    )
    return _read(signatures, actor=actor, form=form, part=part)


def read_report_of(
    review: Review, *, user: User, form: str, part: str = WHOLE
) -> SignedReport:
    """Return the signed report of a review, for a person; see `read_report`.

    Raises:
        NotYours: the person has not got the right, the review is another clinic's, or
            a screening of its case is still to be read blind by that person.
        NoReport: it is not signed.
        NotReady: see `read_report`.
    """
    own = reviews_of(user).filter(pk=review.pk)
    if not user.has_perm("screening.view_review") or not own.exists():
        raise NotYours("Only who may see the review reads its report.")
    if is_to_be_read_blind(review, user=user):
        raise NotYours("Give your own view of this case first.")
    signatures = Signature.objects.filter(
        review__in=own.values("pk"), review__state__in=SIGNED
    )
    return _read(signatures, actor=f"user:{user.pk}", form=form, part=part)


def is_to_be_read_blind(review: Review, *, user: User) -> bool:
    """Say whether the person is yet to read any screening of the case blind."""
    of_case = Job.objects.filter(case_id=review.job.case_id)
    seen = jobs_seen_by(user, of_case)
    return of_case.exclude(pk__in=seen.values("pk")).exists()


def signed_report(signature: Signature) -> SignedReport:
    """Gather what stands under a signature, and what was added and reported.

    Nothing of it comes from the draft, or from what the review's row says of the text.
    """
    review, content = signature.review, signature.content
    job = review.job
    return SignedReport(
        job_id=content["job_id"],
        case_id=content["case_id"],
        clinic=job.clinic.name,
        clinic_slug=content["clinic"],
        version=content["version"],
        risk=content["risk"],
        summary=tuple(content["summary"]),
        recommendations=tuple(content["recommendations"]),
        parent_text=content["parent_text"],
        outcome=content["outcome"],
        meaning=content["meaning"],
        reason=_reason(content),
        model_id=content["model_id"],
        signer=content["signer_name"],
        signed_at=datetime.fromisoformat(content["signed_at"]),
        digest=signature.content_digest,
        is_whole=digest_of(content) == signature.content_digest,
        released_at=review.released_at,
        family_approved_at=review.family_approved_at,
        additions=tuple(_addition(each) for each in review.addenda.all()),
        reported=Reported(
            screened_at=job.created_at,
            age_months=job.payload.get("age_months"),
            gestational_weeks=job.payload.get("gestational_weeks"),
            answers=job.payload.get("milestones") or {},
        ),
        zone=timezone.get_current_timezone(),
    )


def why_not_for_family(report: SignedReport) -> str:
    """Say why the family must not have its sheet; nothing: it may.

    It needs the approval of the text, the signature and the release, and that all of
    it can be printed as it was signed.
    """
    if not report.is_whole:
        return "The report is not the text that was signed: nothing of it leaves."
    if not report.parent_text.strip():
        return "The report has no text for the family."
    if report.family_approved_at is None:
        return "Nobody has approved the text for the family."
    if report.released_at is None:
        return "The report is signed and not yet released: the family sheet waits."
    if lacks_letters(report.parent_text):
        return "The family text is in letters that the sheet cannot print."
    return ""


def _read(
    signatures: QuerySet[Signature], *, actor: str, form: str, part: str
) -> SignedReport:
    with transaction.atomic(durable=True):
        signature = (
            signatures.select_related("review__job__clinic")
            .order_by("-signed_at", "-id")
            .first()
        )
        if signature is None:
            raise NoReport
        report = signed_report(signature)
        if part == FAMILY and (why := why_not_for_family(report)):
            raise NotReady(why)
        salt = signature.review.job.salt
        read = commitment(signed_bytes(signature.content), salt=salt)
        detail = {"form": form, **read}
        if part == FAMILY:
            detail["part"] = part
        record(
            [
                Event(
                    action=Action.REPORT_READ,
                    actor=actor,
                    clinic=signature.review.job.clinic.slug,
                    case_id=report.case_id,
                    job_id=signature.review.job_id,
                    detail=detail,
                )
            ]
        )
    return report


def _reason(content: Mapping[str, Any]) -> str:
    """Put into words why another risk was signed, if one was.

    A reason that was written on the way, for a risk that was set back, is none.
    """
    if all(change["field"] != "risk" for change in content["changes"]):
        return ""
    code, text = content["reason_code"], content["reason_text"]
    label = Reason(code).label if code in Reason.values else code
    return ": ".join(part for part in (label, text.strip()) if part)


def addendum_content(addendum: Addendum) -> dict[str, Any]:
    """Return exactly what was signed of an addendum."""
    return {
        "review": addendum.review_id,
        "number": addendum.number,
        "text": addendum.text,
        "signed_by": addendum.signed_off_by_id,
    }


def _addition(addendum: Addendum) -> Addition:
    return Addition(
        number=addendum.number,
        text=addendum.text,
        signer=addendum.signer_name,
        signed_at=addendum.signed_off_at,
        digest=addendum.content_digest,
        is_whole=digest_of(addendum_content(addendum)) == addendum.content_digest,
    )
