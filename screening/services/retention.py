"""Retention: what is over for long enough is removed, and the log says how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from audit.actions import Action
from audit.services import Event, record
from people.models import Session
from routing.models import Task
from screening.errors import NotErasable
from screening.models import (
    Addendum,
    Case,
    IdempotencyKey,
    Job,
    LegalHold,
    Review,
    WebhookDelivery,
)
from screening.services.erasure import UNDER_WAY, erase_case, proof_of_names

BATCH = 500
REASON = "Retention: {setting}={days}"
Rows = Callable[[datetime], QuerySet[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How long one kind is kept. Whole cases are erased, other rows only deleted."""

    kind: str
    setting: str
    rows: Rows
    is_cases: bool = False
    unit: timedelta = timedelta(days=1)

    @property
    def number(self) -> float:
        """Return after how many days, or hours, it goes; 0 keeps it for ever."""
        return float(getattr(settings, self.setting))

    def old(self) -> QuerySet[Any]:
        """Return what goes now."""
        return self.rows(timezone.now() - self.number * self.unit).order_by("pk")


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What became of one kind."""

    kind: str
    setting: str
    number: str
    """As it is set: how many days, or hours."""

    removed: int
    """Or what would be removed, in a dry run."""

    refused: int = 0
    """Cases that could not be erased: something was done with them meanwhile."""


# --- What is over ------------------------------


def _held(clinic: str, case_id: str) -> Exists:
    standing = LegalHold.objects.filter(lifted_at=None)
    return Exists(
        standing.filter(
            case__clinic__slug=OuterRef(clinic), case__case_id=OuterRef(case_id)
        )
    )


def _resting_cases(before: datetime) -> QuerySet[Case]:
    """Keep the cases with which nothing was done since, and nothing is left to do."""
    jobs = Job.objects.filter(case=OuterRef("pk"))
    reviews = Review.objects.filter(job__case=OuterRef("pk"))
    added = Addendum.objects.filter(review__job__case=OuterRef("pk"))
    tasks = Task.objects.filter(
        clinic=OuterRef("clinic__slug"), case_id=OuterRef("case_id")
    )
    moved = Q(updated_at__gte=before)
    return Case.objects.filter(
        ~Exists(LegalHold.objects.filter(case=OuterRef("pk"), lifted_at=None)),
        ~Exists(jobs.filter(moved | Q(status__in=UNDER_WAY))),
        ~Exists(reviews.filter(moved | Q(state=Review.State.REQUIRES_REVIEW))),
        ~Exists(added.filter(signed_off_at__gte=before)),
        ~Exists(tasks.filter(moved | Q(status__in=UNDER_WAY))),
        created_at__lt=before,
    ).select_related("clinic")


def _failed_cases(before: datetime) -> QuerySet[Case]:
    """Keep the cases of which nothing came."""
    jobs = Job.objects.filter(case=OuterRef("pk"))
    tasks = Task.objects.filter(
        clinic=OuterRef("clinic__slug"), case_id=OuterRef("case_id")
    )
    return _resting_cases(before).filter(
        Exists(jobs),
        ~Exists(jobs.filter(status=Job.Status.DONE)),
        ~Exists(tasks.filter(status=Job.Status.DONE)),
    )


def _tasks(before: datetime) -> QuerySet[Task]:
    ended = Task.objects.exclude(status__in=UNDER_WAY)
    return ended.filter(~_held("clinic", "case_id"), finished_at__lt=before)


def _deliveries(before: datetime) -> QuerySet[WebhookDelivery]:
    held = _held("job__clinic__slug", "job__case__case_id")
    ended = WebhookDelivery.objects.exclude(status__in=UNDER_WAY)
    return ended.filter(~held, finished_at__lt=before)


def _keys(before: datetime) -> QuerySet[IdempotencyKey]:
    return IdempotencyKey.objects.filter(created_at__lt=before)


def _sessions(before: datetime) -> QuerySet[Session]:
    return Session.objects.filter(expire_date__lt=before)


POLICIES = (
    Policy(
        kind="failed_cases",
        setting="RETAIN_FAILED_DAYS",
        rows=_failed_cases,
        is_cases=True,
    ),
    Policy(
        kind="cases", setting="RETAIN_CASE_DAYS", rows=_resting_cases, is_cases=True
    ),
    Policy(kind="tasks", setting="RETAIN_TASK_DAYS", rows=_tasks),
    Policy(kind="webhook_deliveries", setting="RETAIN_WEBHOOK_DAYS", rows=_deliveries),
    Policy(
        kind="idempotency_keys",
        setting="IDEMPOTENCY_HOURS",
        rows=_keys,
        unit=timedelta(hours=1),
    ),
    Policy(kind="sessions", setting="RETAIN_SESSION_DAYS", rows=_sessions),
)
"""What is not in it is kept for ever: consents, tombstones and the audit log."""


# --- Removing it ------------------------------


def retain(*, actor: str, dry_run: bool = False) -> list[Applied]:
    """Remove what the settings say is kept no longer; return how much of each kind.

    What a legal hold stands on stays. Rows go in batches, each in one transaction with
    an event that has the count and the SHA-256 of the sorted ids; cases are erased one
    by one, each with its tombstone. A dry run changes nothing.
    """
    return [_apply(policy, actor=actor, dry_run=dry_run) for policy in POLICIES]


def _apply(policy: Policy, *, actor: str, dry_run: bool) -> Applied:
    removed = refused = 0
    if policy.number and dry_run:
        removed = policy.old().count()
    elif policy.number and policy.is_cases:
        removed, refused = _erase(policy, actor)
    elif policy.number:
        removed = sum(_batches(policy, actor))
    return Applied(
        kind=policy.kind,
        setting=policy.setting,
        number=f"{policy.number:g}",
        removed=removed,
        refused=refused,
    )


def _batches(policy: Policy, actor: str) -> Iterator[int]:
    while count := _batch(policy, actor):
        yield count


@transaction.atomic(durable=True)
def _batch(policy: Policy, actor: str) -> int:
    old = policy.old().select_for_update(of=("self",), skip_locked=True)
    ids = list(old.values_list("pk", flat=True)[:BATCH])
    if ids:
        old.model._default_manager.filter(pk__in=ids).delete()
        _record(policy, [str(pk) for pk in ids], actor)
    return len(ids)


def _erase(policy: Policy, actor: str) -> tuple[int, int]:
    erased: list[str] = []
    refused, last = 0, 0
    reason = REASON.format(setting=policy.setting, days=f"{policy.number:g}")
    while cases := list(policy.old().filter(pk__gt=last)[:BATCH]):
        last = cases[-1].pk
        for case in cases:
            try:
                stone = erase_case(case, actor=actor, reason=reason)
                erased.append(stone.digest)
            except NotErasable:
                refused += 1
    if erased:
        with transaction.atomic(durable=True):
            _record(policy, erased, actor)
    return len(erased), refused


def _record(policy: Policy, names: list[str], actor: str) -> None:
    record(
        [
            Event(
                action=Action.RETENTION_APPLIED,
                actor=actor,
                detail={
                    "kind": policy.kind,
                    "setting": policy.setting,
                    "number": f"{policy.number:g}",
                    **proof_of_names(names),
                },
            )
        ]
    )
