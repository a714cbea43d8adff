"""Running jobs: claim, ask the model servers, settle. The one retry loop is here.

Everything takes many jobs at once, since a worker holds many: one UPDATE claims them,
one renews their leases, one transaction stores what came back. A single job is a
list of one.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.actions import Action
from audit.services import Event, record
from milestones.rules import assess
from routing.client import ModelClient
from routing.errors import RoutingError, TryAnother, UnusableAnswer
from routing.policy import choose_targets, wish_of
from routing.protocols import native
from routing.targets import configured_targets
from screening.models import Job, Review
from screening.results import CheckedResult, check_result, listed_risk

logger = logging.getLogger(__name__)

MAX_UNUSABLE_ANSWERS = 3
KEPT_ROUTES = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one claim of one job: a checked result, or an error."""

    job: Job
    route: dict[str, Any]
    target: str = ""
    result: CheckedResult | None = None
    rules_risk: str = ""
    error: RoutingError | None = None


def claim_jobs(job_ids: Iterable[UUID], *, worker: str) -> list[Job]:
    """Take those of the jobs that are due, with one audit event each.

    Jobs that another worker has, or that have ended, are left out: a second ring for
    the same job is harmless.
    """
    with transaction.atomic(durable=True):
        taken = Job.objects.claim(job_ids, worker=worker)
        if not taken:
            return []
        jobs = list(
            Job.objects.filter(pk__in=taken)
            .select_related("case", "clinic")
            .defer("result", "result_problems")
        )
        record(_event(job, Action.JOB_STARTED, worker) for job in jobs)
    return jobs


def renew_leases(jobs: Sequence[Job], *, worker: str) -> set[UUID]:
    """Extend the leases of jobs still held; return the ids that are held no longer."""
    ids = {job.pk for job in jobs}
    lease = timedelta(seconds=settings.JOB_LEASE_SECONDS)
    kept = Job.objects.filter(
        pk__in=ids, status=Job.Status.RUNNING, worker=worker
    ).update_returning_ids(lease_until=Now() + lease)
    return ids - set(kept)


async def ask_model(client: ModelClient, job: Job) -> Outcome:
    """Ask the job's targets in turn until one answers; never raises a routing error."""
    tries: list[dict[str, Any]] = []
    route: dict[str, Any] = {"attempt": job.attempt, "tries": tries}
    try:
        targets = configured_targets(
            edge_url=settings.EDGE_MODEL_URL, cloud_url=settings.CLOUD_MODEL_URL
        )
        decision = choose_targets(targets, wish_of(job.payload))
    except RoutingError as exc:
        return Outcome(job=job, route=route, error=exc)

    route |= decision.explain()
    body = native.request_body(job.case.case_id, job.payload)
    error: RoutingError | None = None
    for target, _reason in decision.candidates:
        begun = time.monotonic()
        try:
            answer = await client.call(
                target,
                body,
                seconds=settings.ROUTING_TIMEOUT_SECONDS,
                max_bytes=settings.MODEL_RESPONSE_MAX_BYTES,
            )
        except RoutingError as exc:
            tries.append(_try(target.name, exc.code, begun))
            error = exc
            if not isinstance(exc, TryAnother):
                break
        else:
            tries.append(_try(target.name, "answered", begun))
            result = check_result(native.answer_of(answer), case_id=job.case.case_id)
            return Outcome(job=job, route=route, target=target.name, result=result)
    return Outcome(job=job, route=route, error=error)


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
            logger.exception("Job %s cannot be stored", outcomes[0].job.pk)
            with transaction.atomic(durable=True):
                _fail_unstorable(outcomes[0], worker)
            return
        for outcome in outcomes:
            settle([outcome], worker=worker)


def run_job(job_id: UUID, *, worker: str) -> None:
    """Run one job from claim to settlement; do nothing if another worker has it."""
    jobs = claim_jobs([job_id], worker=worker)
    client = ModelClient(connections=1)
    try:
        for job in jobs:
            outcome = _wait_renewing(client.start(ask_model(client, job)), job, worker)
            settle([with_rules(outcome)], worker=worker)
    finally:
        client.close()


def _wait_renewing(call: Future[Outcome], job: Job, worker: str) -> Outcome:
    """Wait for the call to end; keep the lease meanwhile."""
    while True:
        try:
            return call.result(timeout=settings.JOB_HEARTBEAT_SECONDS)
        except TimeoutError:
            renew_leases([job], worker=worker)


def with_rules(outcome: Outcome) -> Outcome:
    """Set what the reference rules say beside a model's answer (DOMAIN)."""
    if outcome.result is None:
        return outcome
    payload = outcome.job.payload
    rules = assess(
        age_months=payload.get("age_months"),
        gestational_weeks=payload.get("gestational_weeks"),
        answers=payload.get("milestones"),
        flags=payload.get("flags"),
        observations=payload.get("observations", ""),
    )
    return Outcome(
        job=outcome.job,
        route=outcome.route,
        target=outcome.target,
        result=outcome.result,
        rules_risk=rules["risk"],
    )


def _settle_all(outcomes: Sequence[Outcome], worker: str) -> None:
    in_order = sorted(outcomes, key=lambda outcome: outcome.job.pk)
    answered = [outcome for outcome in in_order if outcome.result is not None]
    failed = [outcome for outcome in in_order if outcome.result is None]
    _complete(answered, worker)
    for outcome in failed:
        _release_or_fail(outcome, worker)


def _complete(outcomes: Sequence[Outcome], worker: str) -> None:
    """Store drafts and open their reviews, for the claims that still hold."""
    if not outcomes:
        return
    drafts = [_draft(outcome) for outcome in outcomes]
    held = Job.objects.complete(drafts)
    pairs = list(zip(outcomes, drafts, strict=True))
    Review.objects.bulk_create(
        _open_review(outcome, draft["risk"])
        for outcome, draft in pairs
        if outcome.job.pk in held
    )
    record(
        _event(outcome.job, Action.JOB_COMPLETED, worker, target=outcome.target)
        if outcome.job.pk in held
        else _event(outcome.job, Action.STALE_RESULT_REFUSED, worker)
        for outcome in outcomes
    )


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


def _release_or_fail(outcome: Outcome, worker: str) -> None:
    """Put the job back for a later try, or end it where there has been enough."""
    job, error = outcome.job, outcome.error
    assert error is not None
    failures = job.failures + 1
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
    record([_event(job, action, worker, code=error.code)])


def _longer_route(outcome: Outcome) -> list[dict[str, Any]]:
    return [*outcome.job.route, outcome.route][-KEPT_ROUTES:]


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


def _open_review(outcome: Outcome, risk: str) -> Review:
    """Begin the clinician's side as a copy of the draft, as far as it is usable."""
    assert outcome.result is not None
    usable = outcome.result.raw if not outcome.result.problems else {}
    return Review(
        job_id=outcome.job.pk,
        risk=risk,
        summary=usable.get("summary", []),
        recommendations=usable.get("recommendations", []),
        parent_text=usable.get("parent_text") or "",
    )


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
    record([_event(job, action, worker, code="RESULT_NOT_STORABLE")])


def _try(target: str, outcome: str, begun: float) -> dict[str, Any]:
    milliseconds = round(1000 * (time.monotonic() - begun))
    return {"target": target, "outcome": outcome, "milliseconds": milliseconds}


def _event(job: Job, action: Action, worker: str, **detail: Any) -> Event:
    return Event(
        action=action,
        actor=f"worker:{worker}",
        clinic=job.clinic.slug,
        case_id=job.case.case_id,
        job_id=job.pk,
        attempt=job.attempt,
        detail=detail,
    )
