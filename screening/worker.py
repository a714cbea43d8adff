"""What ``manage.py rqworker`` runs: one process with many jobs in flight.

    main thread     take ids from Redis, claim the rows, start the model calls
    model calls     one event loop for all of them (routing.client)
    settling        store what came back, many in one transaction
    keeping         renew leases, reconcile if it is our turn, tell RQ we live

It is an RQ worker to everyone who looks: registered, heartbeating, with its started
jobs listed. But it runs nothing that it finds in Redis: an entry is a job id, and all
that can be done with one is to run that job.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from redis.exceptions import RedisError

from routing.circuits import Circuits
from routing.client import ModelClient
from routing.configured import endpoint_rules
from routing.connection import connect
from routing.directory import Directory
from routing.services.observation import HealthWatch, Tallies
from screening.models import Job
from screening.outcomes import Outcome
from screening.registration import RegisteredWorker
from screening.services.execution import (
    ask_model,
    claim_jobs,
    plan_job,
    renew_leases,
    report,
    run_job,
    with_rules,
)
from screening.services.reconciliation import lead, reconcile, step_down
from screening.services.settlement import settle

logger = logging.getLogger(__name__)

DATABASE_AWAY = (OperationalError, InterfaceError)
REPLY_SECONDS = 1.0
BLOCK_SECONDS = 1
KEEP_RESULT_SECONDS = 60.0
MOST_SETTLED_TOGETHER = 256
MOST_UNSETTLED = 2
REGISTRATION_SECONDS = 15.0
DUTY = "reconcile"
TALLY_SECONDS = 3.0
LOOK_AGAIN_SECONDS = 0.1


def process_job(job_id: str) -> None:
    """Run one job: the only function that a ring may name, for plain RQ workers."""
    run_job(UUID(job_id), worker=f"{socket.gethostname()}-{os.getpid()}")


class WorkerBroken(Exception):
    """A thread of the worker has died: the process must end, and be started anew."""


class ScreeningWorker(RegisteredWorker):
    """A worker of one queue with ``concurrency`` jobs in flight."""

    def __init__(self, *, name: str = "", concurrency: int = 0) -> None:
        host = socket.gethostname().split(".")[0]
        name = name or f"{host}-{os.getpid()}-{uuid4().hex[:6]}"
        super().__init__(name=name)
        # Waiting for an id takes longer than any other reply may.
        self.waiting_line = connect(timeout=BLOCK_SECONDS + REPLY_SECONDS)
        self.concurrency = concurrency or settings.JOB_CONCURRENCY
        self.circuits = Circuits(connect())
        self.directory = Directory()
        self.tallies = Tallies()
        self.health = HealthWatch()
        self.stopping = threading.Event()
        self.drained = threading.Event()
        self.slot_free = threading.Event()
        self.asking: set[Future[Outcome]] = set()
        self.held: dict[tuple[UUID, int], tuple[Job, Future[Outcome]]] = {}
        self.ended: SimpleQueue[tuple[Job, Future[Outcome]] | None] = SimpleQueue()
        self.reconcile_after = 0.0
        self.worked = False

    # --- The main thread: from Redis to the model servers -------------------------

    def work(self, burst: bool = False, *args: Any, **kwargs: Any) -> bool:
        """Take and run jobs until told to stop (or, in a burst, until none is left).

        After SIGTERM or SIGINT nothing new is taken, and what is in flight is
        finished. Returns whether there was anything to do.
        """
        self._install_signal_handlers()
        self.register()
        self.calls = ModelClient(connections=self.concurrency, rules=endpoint_rules())
        settling = self._thread("settling", self._settle_until_told)
        keeping = self._thread("keeping", self._keep_until_drained)
        logger.info("Worker %s takes jobs, %d at a time", self.name, self.concurrency)
        try:
            while not self.stopping.is_set():
                if not (settling.is_alive() and keeping.is_alive()):
                    raise WorkerBroken(WorkerBroken.__doc__)
                if not self._take() and burst and not self.held:
                    break
        finally:
            logger.info("Worker %s finishes %d jobs", self.name, len(self.held))
            while self.held and settling.is_alive():
                self.slot_free.wait(0.1)
                self.slot_free.clear()
            self.ended.put(None)
            settling.join()
            self.drained.set()
            keeping.join()
            self.calls.close()
            self.sign_off()
        return self.worked

    @staticmethod
    def _thread(name: str, target: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(name=name, target=target, daemon=True)
        thread.start()
        return thread

    def _install_signal_handlers(self) -> None:
        """Let the signals set a flag, and no more: the loop sees it within a second."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.stopping.set()
            self.slot_free.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def _take(self) -> bool:
        """Take as many jobs as there are free slots; say whether any id was there."""
        free = min(
            self.concurrency - len(self.asking),
            MOST_UNSETTLED * self.concurrency - len(self.held),
        )
        if free <= 0:
            self.slot_free.wait(BLOCK_SECONDS)
            self.slot_free.clear()
            return True
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
        self.worked = True
        try:
            jobs = claim_jobs(ids, worker=self.name)
        except DATABASE_AWAY as exc:
            # The rows are still pending, and the reconciler rings for them again.
            logger.warning("The database let us claim no jobs (%s)", type(exc).__name__)
            connection.close()
            self.stopping.wait(BLOCK_SECONDS)
            return True
        self.note_started(ids, jobs)
        for job in jobs:
            plan = plan_job(job, self.directory, self.circuits, probing=probing)
            call = self.calls.start(ask_model(self.calls, job, plan))
            self.asking.add(call)
            self.held[job.pk, job.attempt] = (job, call)
            call.add_done_callback(partial(self._note_done, job))
        return True

    def _note_done(self, job: Job, call: Future[Outcome]) -> None:
        """Free the slot at once: the result is stored while the next call runs."""
        self.asking.discard(call)
        self.ended.put((job, call))
        self.slot_free.set()

    def _pop(self, most: int) -> list[UUID]:
        """Take ids off the queue; wait a second for one when there is none."""
        key = self.queue.key
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
        try:
            self.connection.lpush(self.queue.key, *map(str, reversed(ids)))
        except RedisError as exc:
            logger.warning("Redis took no ids back (%s)", type(exc).__name__)

    # --- Settling: from the model servers to the database -------------------------

    def _settle_until_told(self) -> None:
        """Store outcomes as they come, together those that came together."""
        while (first := self.ended.get()) is not None:
            batch = [first]
            while len(batch) < MOST_SETTLED_TOGETHER:
                try:
                    following = self.ended.get_nowait()
                except Empty:
                    break
                if following is None:
                    self.ended.put(None)
                    break
                batch.append(following)
            self._settle(batch)
        connection.close()

    def _settle(self, batch: list[tuple[Job, Future[Outcome]]]) -> None:
        outcomes = []
        for job, call in batch:
            if call.cancelled():
                continue
            error = call.exception()
            if error is None:
                outcome = call.result()
                report(outcome.tries, self.circuits, self.tallies)
                outcomes.append(with_rules(outcome))
            else:
                # A defect of ours: the lease runs out, which counts as a crash.
                logger.error("Job %s broke its worker", job.pk, exc_info=error)
        self._store(outcomes)
        for job, _ in batch:
            self.held.pop((job.pk, job.attempt), None)
        self.slot_free.set()
        self.note_ended([job for job, _ in batch], idle=not self.held)

    def _store(self, outcomes: list[Outcome]) -> None:
        """Settle; while the database is away keep the costly results, for a minute."""
        give_up = time.monotonic() + KEEP_RESULT_SECONDS
        pause = 0.1
        while outcomes:
            try:
                settle(outcomes, worker=self.name)
            except DATABASE_AWAY as exc:
                connection.close()
                self._spare_leases()
                if time.monotonic() > give_up:
                    logger.error(  # noqa: TRY400 - the message may quote a row
                        "Gave up %d results: the database is away (%s)",
                        len(outcomes),
                        type(exc).__name__,
                    )
                    return
                time.sleep(pause)
                pause = min(2 * pause, 2.0)
            else:
                return

    # --- Keeping: leases, reconciliation, registration ----------------------------

    def _keep_until_drained(self) -> None:
        """Do what must be done every few seconds, until the last job is settled."""
        next_renewal = next_registration = next_tally = 0.0
        while not self.drained.wait(0.1):
            now = time.monotonic()
            try:
                if now >= next_renewal:
                    next_renewal = now + settings.JOB_HEARTBEAT_SECONDS
                    self._renew()
                if now >= self.reconcile_after and not self.stopping.is_set():
                    self.reconcile_after = now + settings.RECONCILE_SECONDS
                    self._reconcile()
                if now >= next_tally:
                    next_tally = now + TALLY_SECONDS
                    self.tallies.store()
            except DATABASE_AWAY as exc:
                logger.warning("The database is away (%s)", type(exc).__name__)
                connection.close()
                self._spare_leases()
            if now >= next_registration:
                next_registration = now + REGISTRATION_SECONDS
                self.keep_registered()
        try:
            self.tallies.store()
            step_down(DUTY, holder=self.name)
        except DATABASE_AWAY:
            logger.warning("Could not step down: the lease will run out")
        connection.close()

    def _renew(self) -> None:
        """Renew the leases; stop asking for jobs that are somebody else's by now."""
        held = list(self.held.values())
        if not held:
            return
        lost = renew_leases([job for job, _ in held], worker=self.name)
        for job, call in held:
            if job.pk in lost and not call.done():
                logger.info("Job %s is held no longer", job.pk)
                call.cancel()

    def _reconcile(self) -> None:
        seconds = 3 * settings.RECONCILE_SECONDS
        if lead(DUTY, holder=self.name, seconds=seconds):
            reconcile(self.queue, actor=f"worker:{self.name}")
            self.health.watch(self.calls)

    def _spare_leases(self) -> None:
        """After an outage let results be stored before anything is reaped."""
        self.reconcile_after = time.monotonic() + settings.JOB_HEARTBEAT_SECONDS
