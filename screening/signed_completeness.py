"""Whether each signature has its event: one of exactly what was signed.

Asked by `audit_verify`, with `completeness`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db.models import F, OuterRef, QuerySet, Subquery, TextField
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from audit.actions import Action
from audit.models import Audit
from audit.proofs.commitments import commit
from screening.models import Addendum, Signature
from screening.reports import digest_of, signed_bytes
from screening.services.report import addendum_content

AT_ONCE = 500


def signature_without_event() -> Iterator[UUID]:
    """List the jobs with a signature that is not of what its event commits to.

    Nor may the digest beside the content be another's: it is printed on the report.
    """
    told = _told(Action.REVIEW_SIGNED)
    for row in _with_salt(Signature.objects.annotate(told=_first(told))):
        if not _is_of(row.content, row):
            yield row.job_id


def addendum_without_event() -> Iterator[UUID]:
    """List the jobs with an addendum that is not of what its event commits to."""
    told = _told(Action.REVIEW_ADDED_TO).annotate(
        number=Cast(KT("detail__number"), TextField())
    )
    told = told.filter(number=Cast(OuterRef("number"), TextField()))
    for row in _with_salt(Addendum.objects.annotate(told=_first(told))):
        if not _is_of(addendum_content(row), row):
            yield row.job_id


def _told(action: Action) -> QuerySet[Audit]:
    return Audit.objects.filter(action=action, job_id=OuterRef("review__job_id"))


def _first(events: QuerySet[Audit]) -> Subquery:
    """Take the event that was first: what is written later takes nothing back."""
    return Subquery(events.order_by("pk").values("detail")[:1])


def _with_salt(rows: QuerySet[Any]) -> Iterator[Any]:
    beside = {"job_id": F("review__job_id"), "salt": F("review__job__salt")}
    yield from rows.order_by().annotate(**beside).iterator(AT_ONCE)


def _is_of(content: Mapping[str, Any], row: Any) -> bool:
    """Say whether an event is of this content, and the digest beside it too.

    Events of before there were commitments have the digest alone.
    """
    # What is no JSON, which SQLite may hold, is given as the text that it is.
    told: Mapping[str, Any] = row.told if isinstance(row.told, Mapping) else {}
    if digest_of(content) != row.content_digest:
        return False
    if "commitment" not in told:
        return bool(told.get("digest") == row.content_digest)
    if not row.salt:
        return False
    made = commit(signed_bytes(content), salt=bytes(row.salt))
    return bool(told["commitment"] == made)
