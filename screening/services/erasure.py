"""Erasing a case: everything of it goes, and the log goes on proving itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit.actions import Action
from audit.proofs import canonical
from audit.services import Event, record
from routing.models import Task
from screening.errors import NotErasable
from screening.models import (
    Addendum,
    Case,
    FollowUp,
    IdempotencyKey,
    Job,
    LegalHold,
    Review,
    SecondRead,
    Signature,
    Tombstone,
    WebhookDelivery,
)
from screening.models.retention import LONGEST_REASON

VERSION = 2
UNDER_WAY = (Job.Status.PENDING, Job.Status.RUNNING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One kind of rows that goes with a case.

    ``named_by`` are the fields by which the proof names a row: ids and numbers, which
    the log has too. What a client chose is never among them, nor a digest, by which a
    guess of the content could be tried.
    """

    name: str
    rows: Callable[[Case], QuerySet[Any]]
    named_by: tuple[str, ...] = ("pk",)


def _keys(case: Case) -> QuerySet[IdempotencyKey]:
    ids = Job.objects.filter(case=case).values_list("pk", flat=True)
    return IdempotencyKey.objects.filter(answer__job_id__in=[str(pk) for pk in ids])


def _tasks(case: Case) -> QuerySet[Task]:
    return Task.objects.filter(clinic=case.clinic.slug, case_id=case.case_id)


# In the order in which they can be deleted.
KINDS = (
    Kind(
        name="signatures",
        rows=lambda case: Signature.objects.filter(review__job__case=case),
        named_by=("review__job_id",),
    ),
    Kind(
        name="addenda",
        rows=lambda case: Addendum.objects.filter(review__job__case=case),
        named_by=("review__job_id", "number"),
    ),
    Kind(
        name="second_reads",
        rows=lambda case: SecondRead.objects.filter(review__job__case=case),
        named_by=("review__job_id",),
    ),
    Kind(
        name="follow_ups",
        rows=lambda case: FollowUp.objects.filter(review__job__case=case),
    ),
    Kind(
        name="reviews",
        rows=lambda case: Review.objects.filter(job__case=case),
        named_by=("job_id",),
    ),
    Kind(
        name="webhook_deliveries",
        rows=lambda case: WebhookDelivery.objects.filter(job__case=case),
    ),
    Kind(name="idempotency_keys", rows=_keys),
    Kind(name="jobs", rows=lambda case: Job.objects.filter(case=case)),
    Kind(name="tasks", rows=_tasks),
    Kind(
        name="legal_holds",
        rows=lambda case: LegalHold.objects.filter(case=case),
    ),
)


@transaction.atomic(durable=True)
def erase_case(
    case: Case, *, actor: str, reason: str, unsigned_too: bool = False
) -> Tombstone:
    """Delete a case with all that hangs on it; return what stands in its place.

    What was submitted, drafted, written, signed and told of it goes, and the salts: no
    commitment of the log can be opened any more. A tombstone and an event say how much
    of what went, and the SHA-256 of which. Consents stay (they hold no words), and so
    do the events.

    Raises:
        NotErasable: a legal hold stands, a job or a task has not ended, a review is
            unsigned (unless ``unsigned_too``), no reason is given or a long one, or
            the case is gone.
    """
    found = _locked(case)
    check_erasable(found, unsigned_too=unsigned_too)
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        raise NotErasable(
            f"Say why the case is erased, in at most {LONGEST_REASON} characters."
        )
    manifest = manifest_of(found)
    stone = Tombstone.objects.create(
        case_key=found.pk,
        clinic=found.clinic.slug,
        case_digest=case_digest(found.clinic.slug, found.case_id),
        reason=reason.strip(),
        erased_by=actor,
    )
    for kind in KINDS:
        kind.rows(found).delete()
    Case.objects.filter(pk=found.pk).delete()
    digest = digest_of(manifest)
    # It can be finished only when nothing is left: the database sees to it.
    Tombstone.objects.filter(pk=stone.pk).update(
        manifest=manifest, digest=digest, unfinished=None
    )
    record(
        [
            Event(
                action=Action.CASE_ERASED,
                actor=actor,
                clinic=found.clinic.slug,
                case_id=found.case_id,
                detail={"manifest": digest, "counts": counts_of(manifest)},
            )
        ]
    )
    stone.refresh_from_db()
    return stone


def check_erasable(case: Case, *, unsigned_too: bool) -> None:
    """Check that nothing stands against erasing a case.

    Raises:
        NotErasable: something does.
    """
    if LegalHold.objects.filter(case=case, lifted_at=None).exists():
        raise NotErasable("A legal hold stands on this case: nothing of it is erased.")
    under_way = Job.objects.filter(case=case, status__in=UNDER_WAY)
    if under_way.exists() or _tasks(case).filter(status__in=UNDER_WAY).exists():
        raise NotErasable(
            "A job or a task of this case has not ended: cancel it, or wait for it."
        )
    unsigned = Review.objects.filter(job__case=case, state=Review.State.REQUIRES_REVIEW)
    if not unsigned_too and unsigned.exists():
        raise NotErasable("A review of this case is not signed yet.")


def manifest_of(case: Case) -> dict[str, Any]:
    """Say how much of each kind goes, and the SHA-256 of which."""
    return {
        "v": VERSION,
        "clinic": case.clinic.slug,
        "case": case_digest(case.clinic.slug, case.case_id),
        "kinds": [
            {"kind": kind.name, **proof_of(kind.rows(case), named_by=kind.named_by)}
            for kind in KINDS
        ],
    }


def proof_of(rows: QuerySet[Any], *, named_by: tuple[str, ...]) -> dict[str, Any]:
    """Return how many rows these are, and the SHA-256 of their sorted names.

    A name is the fields between blanks, each with a line end behind it.
    """
    return proof_of_names(
        " ".join(map(str, row)) for row in rows.order_by().values_list(*named_by)
    )


def proof_of_names(names: Iterable[str]) -> dict[str, Any]:
    """Return how many names these are, and the SHA-256 of them, sorted."""
    lines = sorted(f"{name}\n" for name in names)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    return {"count": len(lines), "sha256": digest}


def counts_of(manifest: dict[str, Any]) -> dict[str, int]:
    """Return how much of each kind a manifest has, without what it has none of."""
    return {each["kind"]: each["count"] for each in manifest["kinds"] if each["count"]}


def digest_of(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest, as the log has it."""
    return hashlib.sha256(canonical.encode(manifest).encode()).hexdigest()


def case_digest(clinic: str, case_id: str) -> str:
    """Return what a tombstone names a case by."""
    return hashlib.sha256(f"{clinic}\n{case_id}".encode()).hexdigest()


def tombstone_of(clinic: str, case_id: str) -> Tombstone | None:
    """Return the newest tombstone of the cases of this name."""
    found = Tombstone.objects.filter(case_digest=case_digest(clinic, case_id))
    return found.order_by("-pk").first()


def _locked(case: Case) -> Case:
    """Hold the case and its work, so that none is added or taken meanwhile."""
    cases = Case.objects.select_for_update(of=("self",)).select_related("clinic")
    found = cases.filter(pk=case.pk).first()
    if found is None:
        raise NotErasable("There is no such case any more.")
    # Reviews before jobs, as who releases a report holds them.
    reviews = Review.objects.select_for_update(of=("self",))
    list(reviews.filter(job__case=found).values_list("pk"))
    list(Job.objects.select_for_update().filter(case=found).values_list("pk"))
    list(_tasks(found).select_for_update().values_list("pk"))
    return found
