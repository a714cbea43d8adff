"""Running jobs: claim, plan, ask the model servers. The one retry loop is here.

A worker holds many jobs: one UPDATE claims them, one renews their leases.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit.actions import Action
from audit.services import record
from consent.configured import required_scopes
from consent.decision import Grant
from consent.services import grants_of
from milestones.evidence import gather
from milestones.rules import decide
from routing.circuits import Circuits
from routing.client import ModelClient
from routing.configured import endpoint_rules
from routing.connection import connect
from routing.directory import Directory
from routing.errors import ConsentMissing, RoutingError, TryAnother, UnusableAnswer
from routing.permissions import permit
from routing.policy import Standing, Wish, refusal_of, wish_of
from routing.protocols import Request, protocol_of
from routing.services.observation import Tallies, report
from routing.spans import about_piece
from routing.targets import Target
from routing.tried import Tried
from screening.events import job_event
from screening.models import Job
from screening.outcomes import Outcome, Plan
from screening.results import check_result
from screening.services.settlement import settle
from wire import tracing

UNREAD = (
    *("result", "result_problems", "model_id", "model_risk", "rules_risk", "risk"),
    *("target", "error_code", "error", "crashes", "not_before", "lease_until"),
    *("worker", "updated_at", "started_at", "finished_at"),
    *("clinic__name", "case__clinic", "case__created_at"),
)
"""What is not needed of a job from its claim until it is settled."""


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
            .defer(*UNREAD)
        )
        record(job_event(job, Action.JOB_STARTED, f"worker:{worker}") for job in jobs)
    return jobs


def renew_leases(jobs: Sequence[Job], *, worker: str) -> set[UUID]:
    """Extend the leases of jobs still held; return the ids that are held no longer."""
    ids = {job.pk for job in jobs}
    return ids - Job.objects.renew(ids, worker=worker)


Grants = Mapping[tuple[str, str], tuple[Grant, ...]]
"""The consents of each case, by clinic and identifier."""


def grants_for(jobs: Iterable[Job]) -> Grants:
    """Read the consents of the cases of many jobs, in one query."""
    return grants_of({(job.clinic.slug, job.case.case_id) for job in jobs})


def plan_job(
    job: Job,
    directory: Directory,
    circuits: Circuits,
    *,
    grants: Grants,
    probing: str = "",
) -> Plan:
    """Decide where the job goes: by its wish and its consents, and by how each target
    stands.

    ``probing`` names a target whose probe this job has been given already.
    """
    chosen = directory.choose(
        wish_of_job(job, grants),
        clinic=job.clinic.slug,
        circuits=circuits,
        probing=probing,
    )
    return Plan(
        targets=chosen.targets,
        decision=chosen.decision,
        has_consents=bool(grants[job.clinic.slug, job.case.case_id]),
    )


def wish_of_job(job: Job, grants: Grants) -> Wish:
    """Read what a job asks for, and where it may go by its words and its consents."""
    return permit(
        wish_of(job.payload, priority=job.priority),
        grants[job.clinic.slug, job.case.case_id],
        named=(job.payload.get("consent") or {}).get("consent_id", ""),
        required=required_scopes(),
    )


def still_allowed(job: Job, standing: Standing) -> bool:
    """Say whether the consents allow the job to go to a target at this very moment."""
    try:
        wish = wish_of_job(job, grants_for([job]))
    finally:
        connection.close()
    return not refusal_of(standing, wish)


async def ask_model(client: ModelClient, job: Job, plan: Plan) -> Outcome:
    """Ask the planned targets in turn until one answers; never raises a routing error.

    This is the one retry loop. What may be tried again later is settled as such. Of a
    case that has consents they are read once more before each call, so that one revoked
    meanwhile keeps the data here.
    """
    tries: list[Tried] = []
    error = plan.error
    for target in plan.targets:
        begun = time.monotonic()
        try:
            if plan.has_consents:
                await _check_consent(job, plan, target)
            asked = protocol_of(target).request(
                target, job.case.case_id, job.payload, os.environ
            )
            with tracing.model_call(target.name):
                answer, asked = await _ask(client, target, asked, begun)
        except RoutingError as exc:
            tries.append(Tried.of(target, begun, error=exc))
            error = exc
            if not isinstance(exc, TryAnother):
                break
        else:
            provenance = dict(asked.provenance)
            if asked.is_second:
                provenance["asked"] = "again"
            tries.append(Tried.of(target, begun, provenance=provenance))
            result = check_result(answer, case_id=job.case.case_id)
            return Outcome(
                job=job, plan=plan, tries=tries, target=target.name, result=result
            )
    return Outcome(job=job, plan=plan, tries=tries, error=error)


async def _check_consent(job: Job, plan: Plan, target: Target) -> None:
    standing = plan.decision.standing(target.name)
    if not await asyncio.to_thread(still_allowed, job, standing):
        raise ConsentMissing(ConsentMissing.__doc__)


async def _ask(
    client: ModelClient, target: Target, asked: Request, begun: float
) -> tuple[Any, Request]:
    """Call one target; once more if it spoke nonsense, within the same deadline.

    Returns the answer, and the request that it is the answer to.
    """
    protocol = protocol_of(target)
    most = settings.MODEL_RESPONSE_MAX_BYTES
    seconds = settings.ROUTING_TIMEOUT_SECONDS
    guarded = target.is_agent
    body = await client.call(asked, seconds=seconds, max_bytes=most, guarded=guarded)
    try:
        return protocol.answer_of(body), asked
    except UnusableAnswer as exc:
        left = seconds - (time.monotonic() - begun)
        again = protocol.ask_again(asked, exc)
        if again is None or left <= 0:
            raise
    body = await client.call(again, seconds=left, max_bytes=most, guarded=guarded)
    return protocol.answer_of(body), again


def run_job(job_id: UUID, *, worker: str) -> None:
    """Run one job from claim to settlement; do nothing if another worker has it."""
    jobs = claim_jobs([job_id], worker=worker)
    directory, circuits, tallies = Directory(), Circuits(connect()), Tallies()
    client = ModelClient(connections=1, rules=endpoint_rules())
    try:
        for job in jobs:
            with about_piece(job):
                plan = plan_job(job, directory, circuits, grants=grants_for([job]))
                work = ask_model(client, job, plan)
                outcome = _wait_renewing(client.start(work), job, worker)
                report(outcome.tries, circuits, tallies)
                settle([with_rules(outcome)], worker=worker)
        tallies.store()
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
    # No more than the risk is kept: the words of a whole assessment are not written.
    risk, _ = decide(
        gather(
            age_months=payload.get("age_months"),
            gestational_weeks=payload.get("gestational_weeks"),
            answers=payload.get("milestones") or {},
            flags=payload.get("flags") or {},
            observations=payload.get("observations", ""),
        )
    )
    return replace(outcome, rules_risk=risk)
