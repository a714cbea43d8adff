"""Signed reports, as they leave: each reading is written to the audit log."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from audit.actions import Action
from audit.services import Event, record
from screening.models import Clinic, Review, Signature
from screening.reports import digest_of

SIGNED = (Review.State.SIGNED_OFF, Review.State.DELIVERED)


class NoReport(Exception):
    """Nothing of the case is signed."""


def read_report(*, clinic: Clinic, case_id: str, actor: str) -> dict[str, Any]:
    """Return a case's newest signed report with its addenda, word for word.

    It is what stands under the signature, not what the review's row says; ``is_whole``
    tells whether the content still has the digest that was signed. An audit event names
    who read it.

    Raises:
        NoReport: nothing of the case is signed, or the case is another clinic's.
    """
    with transaction.atomic(durable=True):
        signature = (
            Signature.objects.select_related("review")
            .filter(
                review__job__clinic=clinic,
                review__job__case__case_id=case_id,
                review__state__in=SIGNED,
            )
            .order_by("-signed_at", "-id")
            .first()
        )
        if signature is None:
            raise NoReport
        record(
            [
                Event(
                    action=Action.REPORT_READ,
                    actor=actor,
                    clinic=clinic.slug,
                    case_id=case_id,
                    job_id=signature.review.job_id,
                    detail={"digest": signature.content_digest, "form": "json"},
                )
            ]
        )
    review = signature.review
    content: dict[str, Any] = signature.content
    return {
        "case_id": content["case_id"],
        "job_id": content["job_id"],
        "risk": content["risk"],
        "summary": content["summary"],
        "recommendations": content["recommendations"],
        "parent_text": content["parent_text"],
        "outcome": content["outcome"],
        "meaning": content["meaning"],
        "signed_by": content["signer_name"],
        "signed_at": content["signed_at"],
        "released_at": review.released_at,
        "content_digest": signature.content_digest,
        "is_whole": digest_of(content) == signature.content_digest,
        "addenda": [
            {
                "number": addendum.number,
                "text": addendum.text,
                "signed_by": addendum.signer_name,
                "signed_at": addendum.signed_off_at,
                "content_digest": addendum.content_digest,
            }
            for addendum in review.addenda.all()
        ],
        "disclaimer": "Supports a clinician's judgement and makes no diagnosis.",
    }
