"""The evidence of a case: what the log can prove of it, in one file that leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from audit.actions import Action
from audit.models import Audit, Pending
from audit.proving import NotProven, prove_events
from audit.sealing import Sealer
from audit.services import Event, record
from screening.documents.committed import draft_bytes, input_bytes, saved_bytes
from screening.documents.evidence import (
    ERASED,
    WHOLE,
    WITHHELD,
    Contents,
    Screening,
    contents_of,
)
from screening.errors import Erased, NotReady, NotYours
from screening.models import Addendum, Case, Job, Review, SecondRead, Tombstone
from screening.reports import signed_bytes
from screening.services.reading import note_seen
from screening.services.report import addendum_content, signed_report
from screening.services.sight import (
    cases_seen_by,
    jobs_seen_by,
    may_read_words,
    reviews_readable_by,
)

WAIT_SECONDS = 8.0
STEP_SECONDS = 0.2
RIGHT = "screening.export_evidence"
OF_REVIEW = (
    *("version", "state", "risk", "reason_code", "reason_text", "summary"),
    *("recommendations", "parent_text", "note", "acknowledged", "second_read_for"),
    *("outcome", "changes", "meaning", "signer_name", "content_digest"),
    *("family_approved_at", "signed_off_at", "released_at"),
)
PERSONS = ("family_approved_by", "signed_off_by", "released_by")
Pause = Callable[[float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """What is in the evidence that somebody would get."""

    jobs: QuerySet[Job]
    withheld: frozenset[Any]
    """The jobs whose contents this person may not read."""


def scope_for(case: Case, *, user: User) -> Scope:
    """Say what evidence of a case a person may have.

    Raises:
        NotYours: the person has not got the right, the case is another clinic's, or a
            screening of it is still to be read blind by that person.
    """
    own = cases_seen_by(user, Case.objects.filter(pk=case.pk))
    if not user.has_perm(RIGHT) or not own.exists():
        raise NotYours("Only who has the right exports evidence.")
    jobs = Job.objects.filter(case=case)
    if jobs.exclude(pk__in=jobs_seen_by(user, jobs).values("pk")).exists():
        raise NotYours("Give your own view of this case first.")
    readable = reviews_readable_by(user, Review.objects.filter(job__case=case))
    hidden = jobs.exclude(pk__in=readable.values("job_id"))
    withheld = [] if may_read_words(user) else hidden.values_list("pk", flat=True)
    return Scope(jobs=jobs, withheld=frozenset(withheld))


def export_evidence_of(case: Case, *, user: User, pause: Pause = time.sleep) -> bytes:
    """Return the evidence of a case, for a person; see `export_evidence`.

    Raises:
        NotYours: see `scope_for`.
        NotReady: see `export_evidence`.
    """
    scope = scope_for(case, user=user)
    note_seen(Review.objects.filter(job__in=scope.jobs), user=user)
    return export_evidence(case, actor=f"user:{user.pk}", scope=scope, pause=pause)


def export_evidence(
    case: Case,
    *,
    actor: str,
    scope: Scope | None = None,
    job: Job | None = None,
    pause: Pause = time.sleep,
) -> bytes:
    """Return the evidence of a case, or of one job of it, as a zip.

    An audit event names who took it, and holds the manifest's SHA-256. What the log has
    not sealed yet is waited for, for some seconds.

    Raises:
        NotReady: the log is not being sealed, or cannot prove what it holds. What was
            to be exported did not leave.
        Erased: the case was erased, so that there is nothing to export.
    """
    _check_not_erased(case)
    _wait_for_seal(_events_of(case, job), pause)
    with transaction.atomic(durable=True):
        _check_not_erased(case)
        contents = _gather(case, job, scope)
        record([_exported(case, job, contents, actor)])
    events = _with_export(case, contents)
    _wait_for_seal(events, pause)
    try:
        proofs = prove_events(events)
    except NotProven:
        raise NotReady(
            "The audit log cannot prove what it holds of this case: run audit_verify."
        ) from None
    return contents.sealed({proof.index: proof.text for proof in proofs})


def _check_not_erased(case: Case) -> None:
    stone = Tombstone.objects.filter(case_key=case.pk).first()
    if stone is not None:
        raise Erased(erased_words(stone))


def erased_words(stone: Tombstone) -> str:
    """Say that a case was erased, and what is left of it."""
    return (
        f"This case was erased on {stone.erased_at:%Y-%m-%d}: there is no evidence of "
        f"it but the log's. Its case.erased event has the proof of what went: "
        f"{stone.digest}."
    )


def _events_of(case: Case, job: Job | None) -> QuerySet[Audit]:
    if job is not None:
        return Audit.objects.filter(job_id=job.pk).order_by("id")
    return Audit.objects.filter(clinic=case.clinic.slug, case_id=case.case_id).order_by(
        "id"
    )


# --- What is in it ------------------------------


def _gather(case: Case, job: Job | None, scope: Scope | None) -> Contents:
    jobs = Job.objects.filter(case=case) if scope is None else scope.jobs
    if job is not None:
        jobs = jobs.filter(pk=job.pk)
    withheld = scope.withheld if scope else frozenset()
    # Nothing is saved meanwhile, so that the last save told of is the one read here.
    reviews = Review.objects.filter(job__in=jobs)
    list(reviews.select_for_update(no_key=True).values_list("pk"))
    ids = jobs.values_list("pk", flat=True)
    saves = Audit.objects.filter(action=Action.REVIEW_SAVED, job_id__in=ids)
    saved = set(saves.order_by().values_list("job_id", flat=True))
    # The events come last, so that none is missing of what was read before.
    screenings = [
        _screening(each, is_withheld=each.pk in withheld, is_saved=each.pk in saved)
        for each in jobs.select_related(
            "case", "clinic", "review__signature", "review__second_read"
        ).order_by("created_at", "pk")
    ]
    ids = _events_of(case, job).values_list("event_id", flat=True)
    return contents_of(
        clinic=case.clinic.slug,
        case_id=case.case_id,
        screenings=screenings,
        events=[str(each) for each in ids],
    )


def _screening(job: Job, *, is_withheld: bool, is_saved: bool) -> Screening:
    name = str(job.pk)
    if is_withheld or not job.salt:
        state = WITHHELD if is_withheld else ERASED
        return Screening(job_id=name, state=state, contents={}, beside={})
    contents = {"input.json": input_bytes(job.pk, job.payload)}
    if job.result is not None:
        contents["draft.json"] = draft_bytes(job.pk, _stored(job))
    review = getattr(job, "review", None)
    if review is not None and is_saved:
        contents["written.json"] = saved_bytes(job.pk, _stored(review))
    signature = getattr(review, "signature", None)
    if signature is not None:
        contents["signed.json"] = signed_bytes(signature.content)
    for each in Addendum.objects.filter(review=review) if signature else ():
        contents[f"addendum-{each.number}.json"] = signed_bytes(addendum_content(each))
    return Screening(
        job_id=name,
        state=WHOLE,
        salt=bytes(job.salt),
        contents=contents,
        beside=_beside(review) if review is not None else {},
        report=signed_report(signature) if signature is not None else None,
    )


def _stored(row: Job | Review) -> dict[str, Any]:
    return {field.name: getattr(row, field.attname) for field in row._meta.fields}


def _beside(review: Review) -> dict[str, dict[str, Any]]:
    written = {name: getattr(review, name) for name in OF_REVIEW}
    found = {"review.json": written | _persons(review, PERSONS)}
    read: SecondRead | None = getattr(review, "second_read", None)
    if read is not None:
        found["second-read.json"] = {
            **_persons(read, ("first_reader", "reader", "adjudicator")),
            "risk": read.risk,
            "why": read.why,
            "sent_at": read.sent_at,
            "adjudicated_risk": read.adjudicated_risk,
            "adjudicated_why": read.adjudicated_why,
            "adjudicated_at": read.adjudicated_at,
        }
    return found


def _persons(row: Any, names: Iterable[str]) -> dict[str, str]:
    """Name people as the log does."""
    ids = {name: getattr(row, f"{name}_id") for name in names}
    return {name: f"user:{pk}" if pk else "" for name, pk in ids.items()}


# --- The log's part ------------------------------


def _exported(case: Case, job: Job | None, contents: Contents, actor: str) -> Event:
    return Event(
        action=Action.EVIDENCE_EXPORTED,
        actor=actor,
        clinic=case.clinic.slug,
        case_id=case.case_id,
        job_id=job.pk if job else None,
        detail={"manifest": contents.digest, "files": len(contents.files)},
    )


def _with_export(case: Case, contents: Contents) -> QuerySet[Audit]:
    """Keep the events of the manifest and the newest one that says it was exported."""
    exports = Audit.objects.filter(
        action=Action.EVIDENCE_EXPORTED,
        clinic=case.clinic.slug,
        case_id=case.case_id,
        detail__manifest=contents.digest,
    )
    newest = exports.order_by("-id").values_list("pk", flat=True)[:1]
    listed = Q(event_id__in=contents.events)
    return Audit.objects.filter(listed | Q(pk__in=list(newest)))


def _wait_for_seal(events: QuerySet[Audit], pause: Pause) -> None:
    """Wait until the events are in the signed tree.

    Where this process has the log's key it seals, as a worker would.
    """
    sealer = Sealer()
    until = time.monotonic() + WAIT_SECONDS
    while Pending.objects.filter(pk__in=events.values("pk")).exists():
        sealer.turn(time.monotonic())
        if time.monotonic() > until:
            raise NotReady(
                "The audit log is not being sealed: see that a worker with the log's "
                "key is running, and try again."
            )
        pause(STEP_SECONDS)
    sealer.publisher.close()
