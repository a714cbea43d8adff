"""Accepting jobs: once this returns, they are stored and will be run."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from audit.actions import Action
from audit.proofs.commitments import new_salt
from audit.services import Event, record_beside
from claims.statements import insert_returning
from consent.configured import required_scopes
from consent.services import grants_of, ledger_is_used
from routing.errors import ConsentRequired
from routing.permissions import permit
from routing.policy import Wish
from screening import queue
from screening.documents.committed import commitment, input_bytes
from screening.errors import IdempotencyKeyBusy, IdempotencyKeyReused
from screening.models import Case, Clinic, IdempotencyKey, Job
from screening.services.webhooks.callbacks import refused_callbacks
from screening.submissions import fingerprint
from wire import tracing
from wire.errors import Refusal
from wire.subject import About

logger = logging.getLogger(__name__)

LOCK_NOT_AVAILABLE = "55P03"


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """One validated submission. ``payload`` holds every field but the case's id."""

    case_id: str
    payload: dict[str, Any]
    case_id_given: bool = True
    """False when the id was made for this submission: a repetition has another."""

    priority: str = "normal"
    endpoint: str = "submit"
    idempotency_key: str = ""
    job_id: uuid.UUID = field(default_factory=uuid.uuid4)
    salt: bytes = field(default_factory=new_salt, repr=False)

    def fingerprint(self) -> str:
        """Tell whether another request under the same key asks for the same."""
        case_id = self.case_id if self.case_id_given else None
        return fingerprint([case_id, self.priority, self.payload])


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """What is answered for one submission, now or when its key comes again."""

    job_id: uuid.UUID
    case_id: str
    queued_at: datetime
    replayed: bool = False

    def store(self) -> dict[str, str]:
        """Put it into the form that is kept beside the key."""
        return {
            "job_id": str(self.job_id),
            "case_id": self.case_id,
            "queued_at": self.queued_at.isoformat(),
        }


def submit_jobs(
    *, clinic: Clinic, client: str, submissions: Sequence[Submission]
) -> list[Accepted | Refusal]:
    """Store cases, jobs, idempotency keys and audit events, or none of them.

    The ids go to RQ once all are committed; whether Redis takes them changes nothing.
    A submission whose key was used before gets the answer it got the first time. The
    answers come in the order of the submissions; one whose key was used for another
    request, or that its case's consents forbid, is answered with that refusal, and the
    others are stored all the same.

    Raises:
        IdempotencyKeyBusy: a request with one of the keys is just being stored.
    """
    fresh, answers = _permitted(clinic, *_sort(client, submissions))
    try:
        stored = _store(clinic, client, fresh)
    except IntegrityError:
        # Another request with one of the keys was committed in between: it answers now.
        if not any(submission.idempotency_key for submission in fresh):
            raise
        fresh, answers = _permitted(clinic, *_sort(client, submissions))
        stored = _store(clinic, client, fresh)

    if stored:
        with About(_job_id_of(fresh), tracing.current()):
            _enqueue(fresh)
            logger.info("Accepted %d jobs", len(fresh))
    return [
        answer
        if isinstance(answer, Accepted | Refusal)
        else Accepted(
            job_id=answer.job_id,
            case_id=answer.case_id,
            queued_at=stored[answer.job_id],
            replayed=answer is not submission,
        )
        for answer, submission in zip(answers, submissions, strict=True)
    ]


def _permitted(
    clinic: Clinic,
    fresh: list[Submission],
    answers: list[Submission | Accepted | Refusal],
) -> tuple[list[Submission], list[Submission | Accepted | Refusal]]:
    """Refuse what callbacks or consents do not allow, before anything is stored."""
    refused: dict[uuid.UUID, Refusal] = {
        **refused_callbacks(clinic, {s.job_id: s.payload for s in fresh}),
        **_without_consent(clinic, fresh),
    }
    if not refused:
        return fresh, answers
    left = [submission for submission in fresh if submission.job_id not in refused]
    return left, [
        refused.get(answer.job_id, answer) if isinstance(answer, Submission) else answer
        for answer in answers
    ]


def _without_consent(
    clinic: Clinic, fresh: list[Submission]
) -> dict[uuid.UUID, ConsentRequired]:
    """Return the refusal of each submission that its case's consents do not allow."""
    if not fresh or not ledger_is_used():
        return {}
    grants = grants_of((clinic.slug, submission.case_id) for submission in fresh)
    required = required_scopes()
    return {
        submission.job_id: ConsentRequired("The case's consents do not allow this.")
        for submission in fresh
        if not permit(
            Wish(),
            grants[clinic.slug, submission.case_id],
            named=(submission.payload.get("consent") or {}).get("consent_id", ""),
            required=required,
        ).permitted
    }


def _enqueue(submissions: Sequence[Submission]) -> None:
    """Ring for all. What goes in front passes what went before: the first goes last."""
    in_front = [
        submission.job_id
        for priority in ("urgent", "high")
        for submission in submissions
        if submission.priority == priority
    ]
    passed = set(in_front)
    behind = [s.job_id for s in submissions if s.job_id not in passed]
    rung = {"pedi.rung": len(submissions)}
    with tracing.span("ring", kind="producer", attributes=rung):
        queue.enqueue([*in_front, *behind], urgent=passed)


def _job_id_of(submissions: Sequence[Submission]) -> dict[str, str]:
    """Name the job that log lines are about, where there is only one."""
    if len(submissions) != 1:
        return {}
    return {"job_id": str(submissions[0].job_id)}


def _sort(
    client: str, submissions: Sequence[Submission]
) -> tuple[list[Submission], list[Submission | Accepted | Refusal]]:
    """Tell new submissions from repeated ones, in the request as well as the table."""
    known = _known_keys(client, submissions)
    first: dict[tuple[str, str], Submission] = {}
    fresh: list[Submission] = []
    answers: list[Submission | Accepted | Refusal] = []
    for submission in submissions:
        key = (submission.endpoint, submission.idempotency_key)
        earlier = first.get(key)
        if not submission.idempotency_key or (key not in known and earlier is None):
            fresh.append(submission)
            first[key] = submission
            answers.append(submission)
        elif key in known:
            answers.append(_replay(known[key], submission))
        elif earlier is not None and earlier.fingerprint() == submission.fingerprint():
            answers.append(earlier)
        else:
            answers.append(_reused())
    return fresh, answers


def _known_keys(
    client: str, submissions: Sequence[Submission]
) -> dict[tuple[str, str], IdempotencyKey]:
    keys = {s.idempotency_key for s in submissions if s.idempotency_key}
    if not keys:
        return {}
    since = timezone.now() - timedelta(hours=settings.IDEMPOTENCY_HOURS)
    stale = IdempotencyKey.objects.filter(client=client, key__in=keys)
    stale.filter(created_at__lt=since).delete()
    return {(known.endpoint, known.key): known for known in stale.all()}


def _replay(known: IdempotencyKey, submission: Submission) -> Accepted | Refusal:
    if known.fingerprint != submission.fingerprint():
        return _reused()
    queued_at = parse_datetime(known.answer["queued_at"])
    assert queued_at is not None
    return Accepted(
        job_id=uuid.UUID(known.answer["job_id"]),
        case_id=known.answer["case_id"],
        queued_at=queued_at,
        replayed=True,
    )


def _reused() -> IdempotencyKeyReused:
    return IdempotencyKeyReused(
        "This idempotency key was used before, for a different request. "
        "Use a new key, or send the first request again unchanged.",
        idempotency_key=["used for a different request"],
    )


@transaction.atomic(durable=True)
def _store(
    clinic: Clinic, client: str, submissions: Sequence[Submission]
) -> dict[uuid.UUID, datetime]:
    """Store all of it in one transaction; return when each job was queued."""
    if not submissions:
        return {}
    place = tracing.current() or None
    names = sorted({submission.case_id for submission in submissions})
    cases = Case.objects.bulk_create(
        [Case(clinic=clinic, case_id=name) for name in names],
        update_conflicts=True,
        update_fields=["case_id"],
        unique_fields=["clinic", "case_id"],
    )
    case_of = dict(zip(names, cases, strict=True))
    times = insert_returning(
        Job,
        rows=[
            {
                "id": submission.job_id,
                "clinic": clinic.pk,
                "case": case_of[submission.case_id].pk,
                "client": client,
                "priority": submission.priority,
                "payload": submission.payload,
                "salt": submission.salt,
                "traceparent": place,
            }
            for submission in submissions
        ],
        returning="created_at",
        run=partial(record_beside, (_event(clinic, client, s) for s in submissions)),
    )
    # One statement has one time.
    queued = dict.fromkeys((s.job_id for s in submissions), times[0])
    _store_keys(client, submissions, queued)
    return queued


def _event(clinic: Clinic, client: str, submission: Submission) -> Event:
    content = input_bytes(submission.job_id, submission.payload)
    return Event(
        action=Action.JOB_SUBMITTED,
        actor=client,
        clinic=clinic.slug,
        case_id=submission.case_id,
        job_id=submission.job_id,
        detail={
            "priority": submission.priority,
            **commitment(content, salt=submission.salt),
        },
    )


def _store_keys(
    client: str, submissions: Sequence[Submission], queued: dict[uuid.UUID, datetime]
) -> None:
    keyed = [submission for submission in submissions if submission.idempotency_key]
    if not keyed:
        return
    try:
        IdempotencyKey.objects.bulk_create(
            IdempotencyKey(
                client=client,
                endpoint=submission.endpoint,
                key=submission.idempotency_key,
                fingerprint=submission.fingerprint(),
                answer=Accepted(
                    job_id=submission.job_id,
                    case_id=submission.case_id,
                    queued_at=queued[submission.job_id],
                ).store(),
            )
            for submission in keyed
        )
    except OperationalError as exc:
        if getattr(exc.__cause__, "sqlstate", "") == LOCK_NOT_AVAILABLE:
            raise IdempotencyKeyBusy(
                "The first request with this idempotency key is still being stored. "
                "Send it again in a moment.",
                idempotency_key=["in use right now"],
            ) from None
        raise
