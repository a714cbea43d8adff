"""Storing what came of jobs: drafts, releases, failures, each fenced by its claim.

A worker settles many at once, in one transaction.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DatabaseError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.actions import Action
from audit.proofs.contents import plain_text
from audit.services import record, record_beside
from claims.statements import insert_returning
from routing.errors import TargetsResting, TryAnother, UnusableAnswer
from routing.spans import about_piece
from screening.documents.committed import (
    PlainDraft,
    commitment,
    draft_bytes,
    plain_draft,
)
from screening.events import job_event
from screening.models import Job, Review
from screening.outcomes import Outcome, made_by
from screening.results import listed_risk
from screening.services.opening import open_review
from screening.services.webhooks.outbox import News, completed, tell
from screening.services.webhooks.outbox import failed as failed_for_good

logger = logging.getLogger(__name__)

MAX_UNUSABLE_ANSWERS = 3
KEPT_ROUTES = 50


def settle(outcomes: Sequence[Outcome], *, worker: str) -> None:
    """Store what came of the claims: results, releases and failures, with their audits.

    One transaction for all. If it fails for a reason that lies in one of them, they
    are stored one by one, and one that cannot be stored fails its job. Each write is
    fenced by the claim's attempt: a claim that is held no longer writes nothing but
    an audit event `stale_result_refused`.

    Raises:
        OperationalError: the database is away; nothing is stored, try again.
    """
    try:
        with transaction.atomic(durable=True):
            _settle_all(outcomes, worker)
    except OperationalError:
        raise
    except DatabaseError:
        if len(outcomes) == 1:
            with about_piece(outcomes[0].job):
                logger.exception("Job %s cannot be stored", outcomes[0].job.pk)
            with transaction.atomic(durable=True):
                _fail_unstorable(outcomes[0], worker)
            return
        for outcome in outcomes:
            settle([outcome], worker=worker)


def _settle_all(outcomes: Sequence[Outcome], worker: str) -> None:
    in_order = sorted(outcomes, key=lambda outcome: outcome.job.pk)
    answered = [outcome for outcome in in_order if outcome.result is not None]
    failed = [outcome for outcome in in_order if outcome.result is None]
    news = _complete(answered, worker)
    for outcome in failed:
        news += _release_or_fail(outcome, worker)
    tell(news)


def _complete(outcomes: Sequence[Outcome], worker: str) -> list[News]:
    """Store drafts and open their reviews, for the claims that still hold."""
    if not outcomes:
        return []
    drafts = [_draft(outcome) for outcome in outcomes]
    plain = [plain_draft(draft["id"], draft) for draft in drafts]
    held = Job.objects.complete(drafts, written=list(map(_row, drafts, plain)))
    reviews = [
        open_review(outcome, draft["risk"], ended_at=held[outcome.job.pk])
        for outcome, draft in zip(outcomes, drafts, strict=True)
        if outcome.job.pk in held
    ]
    events = (
        job_event(
            outcome.job,
            Action.JOB_COMPLETED,
            f"worker:{worker}",
            **made_by(outcome),
            **commitment(_content(draft, written), salt=outcome.job.salt),
        )
        if outcome.job.pk in held
        else job_event(outcome.job, Action.STALE_RESULT_REFUSED, f"worker:{worker}")
        for outcome, draft, written in zip(outcomes, drafts, plain, strict=True)
    )
    if reviews:
        insert_returning(
            Review, rows=reviews, returning="id", run=partial(record_beside, events)
        )
    else:
        record(events)
    return [completed(outcome.job) for outcome in outcomes if outcome.job.pk in held]


def _draft(outcome: Outcome) -> dict[str, Any]:
    """List what is stored of an answer, with the claim that it came under."""
    result = outcome.result
    assert result is not None
    return {
        "id": outcome.job.pk,
        "attempt": outcome.job.attempt,
        "route": _longer_route(outcome),
        "target": outcome.target,
        "result": result.raw,
        "result_problems": list(result.problems),
        "model_id": result.model_id,
        "model_risk": result.risk,
        "rules_risk": outcome.rules_risk,
        "risk": listed_risk(result.risk, outcome.rules_risk),
    }


def _row(draft: Mapping[str, Any], plain: PlainDraft | None) -> str | None:
    """Write a draft's row around the very text that is committed to, if it may be."""
    if plain is None:
        return None
    is_first = len(draft["route"]) == 1
    route = plain.made if is_first else plain_text(draft["route"])
    return route and f'{{"id":"{draft["id"]}","route":{route},{plain.content[1:]}'


def _content(draft: Mapping[str, Any], plain: PlainDraft | None) -> bytes:
    return plain.content.encode("ascii") if plain else draft_bytes(draft["id"], draft)


def _release_or_fail(outcome: Outcome, worker: str) -> list[News]:
    """Put the job back for a later try, or end it where there has been enough."""
    job, error = outcome.job, outcome.error
    assert error is not None
    # Nobody was asked, so nobody failed.
    failures = job.failures + (not isinstance(error, TargetsResting))
    values: dict[str, Any] = {
        "route": _longer_route(outcome),
        "failures": failures,
        "worker": "",
        "lease_until": None,
        "updated_at": Now(),
    }
    if isinstance(error, TryAnother) and failures < _most_failures(error):
        wait = timedelta(seconds=_backoff(failures, error.retry_after))
        values |= {"status": Job.Status.PENDING, "not_before": Now() + wait}
        action = Action.JOB_RELEASED
    else:
        values |= {
            "status": Job.Status.FAILED,
            "error_code": error.code,
            "error": str(error)[:2048],
            "finished_at": Now(),
        }
        action = Action.JOB_FAILED
    held = Job.objects.filter(pk=job.pk).held(job.attempt).update(**values)
    if not held:
        action = Action.STALE_RESULT_REFUSED
    record([job_event(job, action, f"worker:{worker}", code=error.code)])
    return [failed_for_good(job)] if action == Action.JOB_FAILED else []


def _longer_route(outcome: Outcome) -> list[dict[str, Any]]:
    return [*outcome.job.route, outcome.explain()][-KEPT_ROUTES:]


def _most_failures(error: TryAnother) -> int:
    """Give up early on what will likely come again, late on what will pass."""
    if isinstance(error, UnusableAnswer):
        return min(MAX_UNUSABLE_ANSWERS, settings.JOB_MAX_ATTEMPTS)
    return settings.JOB_MAX_ATTEMPTS


def _backoff(failures: int, retry_after: float | None) -> float:
    """Seconds until the next try: doubling, capped, spread by a quarter either way."""
    doubled: float = settings.JOB_BACKOFF_SECONDS * 2 ** min(failures - 1, 20)
    seconds = min(doubled, settings.JOB_BACKOFF_MAX_SECONDS)
    spread: float = seconds * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
    return max(spread, retry_after or 0.0)


def _fail_unstorable(outcome: Outcome, worker: str) -> None:
    job = outcome.job
    held = Job.objects.filter(pk=job.pk).held(job.attempt)
    failed = held.update(
        status=Job.Status.FAILED,
        worker="",
        lease_until=None,
        failures=F("failures") + 1,
        error_code="RESULT_NOT_STORABLE",
        error="The database refused the model's answer.",
        finished_at=Now(),
        updated_at=Now(),
    )
    action = Action.JOB_FAILED if failed else Action.STALE_RESULT_REFUSED
    record([job_event(job, action, f"worker:{worker}", code="RESULT_NOT_STORABLE")])
    tell([failed_for_good(job)] if failed else [])
