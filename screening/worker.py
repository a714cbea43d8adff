"""What ``manage.py rqworker`` runs: screening jobs, from the queue to their drafts.

It is an RQ worker to everyone who looks: registered, heartbeating, with its started
jobs listed. But it runs nothing that it finds in Redis: an entry is a job id, and all
that can be done with one is to run that job.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from redis.exceptions import RedisError

from audit.sealing import Sealer
from claims.line import DATABASE_AWAY, Line, worker_name
from routing.circuits import Circuits
from routing.client import ModelClient
from routing.configured import endpoint_rules
from routing.connection import connect
from routing.directory import Directory
from routing.services.observation import HealthWatch, Tallies, report
from routing.spans import WorkSpans, about_piece
from screening.models import Job
from screening.outcomes import Outcome
from screening.registration import RegisteredWorker
from screening.services.escalation import escalate_overdue
from screening.services.execution import (
    ask_model,
    claim_jobs,
    grants_for,
    plan_job,
    renew_leases,
    run_job,
    with_rules,
)
from screening.services.reconciliation import lead, reconcile, step_down
from screening.services.settlement import settle
from screening.services.webhooks.courier import Courier

logger = logging.getLogger(__name__)

REPLY_SECONDS = 1.0
BLOCK_SECONDS = 1
REGISTRATION_SECONDS = 15.0
TALLY_SECONDS = 3.0
WEBHOOK_SECONDS = 1.0
ESCALATE_SECONDS = 120.0
MOST_ESCALATED = 1000
"""In one go: the leases are renewed by the same thread."""

DUTY = "reconcile"
LOOK_AGAIN_SECONDS = 0.1


def process_job(job_id: str) -> None:
    """Run one job: the only function that a ring may name, for plain RQ workers."""
    run_job(UUID(job_id), worker=f"{socket.gethostname()}-{os.getpid()}")


class ScreeningWorker(Line[Job, Outcome]):
    """A worker of the inference queue."""

    def __init__(self, *, name: str = "", concurrency: int = 0) -> None:
        super().__init__(
            name=name or worker_name(),
            concurrency=concurrency or settings.JOB_CONCURRENCY,
        )
        self.registered = RegisteredWorker(name=self.name)
        # Waiting for an id takes longer than any other reply may.
        self.waiting_line = connect(timeout=BLOCK_SECONDS + REPLY_SECONDS)
        self.circuits = Circuits(connect())
        self.directory = Directory()
        self.tallies = Tallies()
        self.health = HealthWatch()
        self.client = ModelClient(connections=self.concurrency, rules=endpoint_rules())
        self.reconcile_after = self.tally_after = self.register_after = 0.0
        self.escalate_after = self.deliver_after = 0.0
        self.courier = Courier(self.client, worker=self.name)
        self.sealer = Sealer()
        self.leads = False
        self.spans = WorkSpans("job")

    def about(self, piece: Job) -> AbstractContextManager[None]:
        """Let log lines written inside name the job."""
        return about_piece(piece)

    def open(self) -> ModelClient:
        """Appear among the workers of the queue."""
        self.registered.register()
        return self.client

    def close(self) -> None:
        """Disappear from among them."""
        self.registered.sign_off()

    # --- From Redis to the model servers ------------------------------------------

    def take(self, free: int) -> bool:
        """Take as many jobs as there are free slots; say whether any id was there."""
        probing = ""
        names = self.directory.names()
        if names and not self.circuits.any_closed(names):
            # One job goes to see whether a target is back; the others wait in line.
            probing = self.circuits.take_probe_of_any(names)
            free = 1
            if not probing:
                self.stopping.wait(LOOK_AGAIN_SECONDS)
                return True
        try:
            ids = self._pop(free)
        except RedisError as exc:
            logger.warning("Redis gave no job ids (%s)", type(exc).__name__)
            self.stopping.wait(BLOCK_SECONDS)
            return True
        if not ids:
            return False
        if self.stopping.is_set():
            self._put_back(ids)
            return True
        try:
            with self.spans.claiming() as claim:
                jobs = claim_jobs(ids, worker=self.name)
                grants = grants_for(jobs) if jobs else {}
                self.spans.note_claimed(claim, jobs)
        except DATABASE_AWAY as exc:
            # The rows are still pending, and the reconciler rings for them again.
            logger.warning("The database let us claim no jobs (%s)", type(exc).__name__)
            connection.close()
            self.stopping.wait(BLOCK_SECONDS)
            return True
        self.registered.note_started(ids, jobs)
        for job in jobs:
            with self.spans.running(job, claim):
                plan = plan_job(
                    job, self.directory, self.circuits, grants=grants, probing=probing
                )
                self.begin(job, ask_model(self.client, job, plan))
        return True

    def _pop(self, most: int) -> list[UUID]:
        """Take ids off the queue; wait a second for one when there is none."""
        key = self.registered.queue.key
        found: Any = self.waiting_line.lpop(key, most)
        if not found:
            popped: Any = self.waiting_line.blpop([key], timeout=BLOCK_SECONDS)
            found = [popped[1]] if popped else []
        ids = []
        for raw in found:
            try:
                ids.append(UUID(raw.decode("ascii")))
            except ValueError:
                logger.warning("The queue held something that is no job id")
        return ids

    def _put_back(self, ids: list[UUID]) -> None:
        """Return ids that came while we were told to stop to the head of the queue."""
        registered = self.registered
        try:
            registered.connection.lpush(registered.queue.key, *map(str, reversed(ids)))
        except RedisError as exc:
            logger.warning("Redis took no ids back (%s)", type(exc).__name__)

    # --- From the model servers to the database -----------------------------------

    def settle(self, outcomes: list[Outcome]) -> None:
        """Store drafts, releases and failures, each under its fence."""
        codes = [(o.job, o.error.code if o.error else "") for o in outcomes]
        with self.spans.settling(codes):
            settle([with_rules(outcome) for outcome in outcomes], worker=self.name)

    def note_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Tell the circuits and the tallies how each target did, before storing."""
        for outcome in outcomes:
            report(outcome.tries, self.circuits, self.tallies)

    def note_ended(self, pieces: list[Job]) -> None:
        """Take the jobs off RQ's list."""
        self.spans.end(pieces)
        self.registered.note_ended(pieces, idle=not self.held)

    # --- Leases, reconciliation, registration -------------------------------------

    def renew(self, pieces: Sequence[Job]) -> set[UUID]:
        """Extend the leases; return the ids that are held no longer."""
        return renew_leases(pieces, worker=self.name)

    def keep(self, now: float) -> None:
        """Tell RQ that we live, reconcile if it is our turn, store what was seen."""
        if now >= self.register_after:
            self.register_after = now + REGISTRATION_SECONDS
            self.registered.keep_registered()
        if now >= self.reconcile_after and not self.stopping.is_set():
            self.reconcile_after = now + settings.RECONCILE_SECONDS
            seconds = 3 * settings.RECONCILE_SECONDS
            self.leads = lead(DUTY, holder=self.name, seconds=seconds)
            if self.leads:
                reconcile(self.registered.queue, actor=f"worker:{self.name}")
                self._escalate(now)
                self.health.watch(self.client)
        if now >= self.tally_after:
            self.tally_after = now + TALLY_SECONDS
            self.tallies.store()
        if self.leads and not self.stopping.is_set():
            self.sealer.turn(now)
        self._deliver(now)

    def _deliver(self, now: float) -> None:
        """Send webhooks while we lead; whoever led before stores what came back."""
        takes = self.leads and now >= self.deliver_after and not self.stopping.is_set()
        if takes or self.courier.has_answers:
            self.deliver_after = now + WEBHOOK_SECONDS
            self.courier.turn(takes=self.leads and not self.stopping.is_set())

    def _escalate(self, now: float) -> None:
        """Every few minutes escalate what is overdue."""
        if now >= self.escalate_after:
            self.escalate_after = now + ESCALATE_SECONDS
            escalate_overdue(actor=f"worker:{self.name}", most=MOST_ESCALATED)

    def keep_last(self) -> None:
        """Leave the duty to the next worker."""
        self.courier.close()
        self.tallies.store()
        if self.leads:
            self.sealer.close()
        step_down(DUTY, holder=self.name)

    def note_database_away(self) -> None:
        """After an outage let results be stored before anything is reaped."""
        self.reconcile_after = time.monotonic() + settings.JOB_HEARTBEAT_SECONDS
