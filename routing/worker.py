"""What ``manage.py streamworker`` runs: tasks, from their streams to their agents."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from uuid import UUID

from django.conf import settings
from django.db import connection
from redis.exceptions import RedisError

from audit.counting import count_on
from claims.line import DATABASE_AWAY, Line, worker_name
from routing import streams
from routing.circuits import Circuits
from routing.client import ModelClient
from routing.configured import endpoint_rules
from routing.connection import connect
from routing.directory import Choice, Directory
from routing.models import Task
from routing.models.tasks import CAPABILITIES
from routing.services.bell import ring_for_dead
from routing.services.ending import end_tasks
from routing.services.observation import Tallies, report
from routing.services.replay import sweep_dead_letters
from routing.services.running import (
    TaskOutcome,
    ask_agents,
    choose_agents,
    claim_tasks,
    grants_for,
    is_for_later,
    put_off,
    read_tasks,
)
from routing.services.upkeep import (
    forget_keys,
    reap_tasks,
    ring_for_dead_letters,
    ring_forgotten_tasks,
    trim_streams,
)
from routing.spans import WorkSpans, about_piece

logger = logging.getLogger(__name__)

BLOCK_SECONDS = 1.0
REPLY_SECONDS = 1.0
TALLY_SECONDS = 3.0
TAKE_OVER_SECONDS = 10.0
SELDOM_SECONDS = 60.0


class StreamWorker(Line[Task, TaskOutcome]):
    """A worker of the streams; with ``capabilities`` for what wants one of them."""

    def __init__(
        self,
        *,
        name: str = "",
        concurrency: int = 0,
        capabilities: Sequence[str] = (),
    ) -> None:
        super().__init__(
            name=name or worker_name(),
            concurrency=concurrency or settings.JOB_CONCURRENCY,
        )
        self.types = [
            task_type
            for task_type, wanted in CAPABILITIES.items()
            if not capabilities or set(wanted) & set(capabilities)
        ]
        self.redis = connect()
        self.reader = streams.Reader(
            self.redis,
            # Waiting for an entry takes longer than any other reply may.
            waiting_line=connect(timeout=BLOCK_SECONDS + REPLY_SECONDS),
            group=streams.group_of(capabilities),
            consumer=self.name,
        )
        self.circuits = Circuits(connect())
        self.directory = Directory()
        self.tallies = Tallies()
        self.client = ModelClient(connections=self.concurrency, rules=endpoint_rules())
        self.tally_after = self.reap_after = self.seldom_after = 0.0
        self.take_over_after = 0.0
        # The keeping thread has its own of what is not for several threads.
        self.upkeep_redis = connect()
        self.upkeep_directory = Directory()
        self.spans = WorkSpans("task")

    def open(self) -> ModelClient:
        """Make the groups, so that nothing that comes from now on is missed."""
        try:
            self.reader.make_groups()
        except RedisError as exc:
            logger.warning("The groups are made later (%s)", type(exc).__name__)
        return self.client

    def close(self) -> None:
        """Leave the groups."""
        try:
            self.reader.leave()
        except RedisError as exc:
            logger.warning("Redis took no farewell (%s)", type(exc).__name__)

    # --- From the streams to the agents -------------------------------------------

    def take(self, free: int) -> bool:
        """Take as many tasks as there are free slots; say whether any entry was there.

        An entry is acknowledged once its task is claimed, put off or seen to be none
        of ours: the row says what comes next.
        """
        try:
            read = self._read(free)
        except RedisError as exc:
            logger.warning("Redis gave no task ids (%s)", type(exc).__name__)
            self.stopping.wait(BLOCK_SECONDS)
            return True
        ids = [pk for entries in read.values() for _, pk in entries]
        if not ids:
            return False
        try:
            self._begin(ids)
        except DATABASE_AWAY as exc:
            # Not acknowledged: the entries are taken over later.
            logger.warning("The database let us claim nothing (%s)", type(exc).__name__)
            connection.close()
            self.stopping.wait(BLOCK_SECONDS)
            return True
        try:
            self.reader.acknowledge(read)
        except RedisError as exc:
            logger.warning("Redis took no thanks (%s)", type(exc).__name__)
        return True

    def _read(self, free: int) -> dict[str, list[tuple[bytes, UUID]]]:
        now = time.monotonic()
        if now >= self.take_over_after:
            self.take_over_after = now + TAKE_OVER_SECONDS
            left_behind = self.reader.take_over(idle_ms=int(1000 * TAKE_OVER_SECONDS))
            if left_behind:
                return left_behind
        return self.reader.read(free, block_ms=int(1000 * BLOCK_SECONDS))

    def _begin(self, ids: list[UUID]) -> None:
        tasks = [task for task in read_tasks(ids) if task.task_type in self.types]
        grants = grants_for(tasks)
        choices: dict[UUID, Choice] = {}
        for task in tasks:
            choice = choose_agents(task, self.directory, self.circuits, grants=grants)
            if is_for_later(choice):
                put_off(task, choice)
            else:
                choices[task.pk] = choice
        chosen = [task for task in tasks if task.pk in choices]
        if not chosen:
            return
        with self.spans.claiming() as claim:
            claimed = claim_tasks(chosen, worker=self.name)
            self.spans.note_claimed(claim, claimed)
        for task in claimed:
            call = ask_agents(
                self.client,
                task,
                choices[task.pk],
                has_consents=bool(grants[task.clinic, task.case_id]),
                seconds=settings.ROUTING_TIMEOUT_SECONDS,
            )
            with self.spans.running(task, claim):
                self.begin(task, call)

    # --- From the agents to the database ------------------------------------------

    def note_outcomes(self, outcomes: Sequence[TaskOutcome]) -> None:
        """Tell the circuits and the tallies how each agent did."""
        for outcome in outcomes:
            report(outcome.tries, self.circuits, self.tallies)

    def settle(self, outcomes: list[TaskOutcome]) -> None:
        """Store results, releases and dead letters; ring for these."""
        codes = [(o.task, o.error.code if o.error else "") for o in outcomes]
        with self.spans.settling(codes):
            dead = end_tasks(outcomes, worker=self.name)
        ring_for_dead(dead)

    def note_ended(self, pieces: list[Task]) -> None:
        """End the spans of the tasks."""
        self.spans.end(pieces)

    def about(self, piece: Task) -> AbstractContextManager[None]:
        """Let log lines written inside name the task."""
        return about_piece(piece)

    # --- Leases and upkeep --------------------------------------------------------

    def renew(self, pieces: Sequence[Task]) -> set[UUID]:
        """Extend the leases; return the ids that are held no longer."""
        ids = {task.pk for task in pieces}
        return ids - Task.objects.all().renew(ids, worker=self.name)

    def keep(self, now: float) -> None:
        """Reap, ring for what is forgotten, look after health, store what was seen."""
        if now >= self.tally_after:
            self.tally_after = now + TALLY_SECONDS
            self.tallies.store()
        if now < self.reap_after or self.stopping.is_set():
            return
        self.reap_after = now + settings.RECONCILE_SECONDS
        ring_for_dead(reap_tasks(actor=f"worker:{self.name}"))
        try:
            self._ring()
            if now >= self.seldom_after:
                self.seldom_after = now + SELDOM_SECONDS
                forget_keys()
                count_on()
                trim_streams(self.upkeep_redis)
                sweep_dead_letters(self.upkeep_redis)
        except RedisError as exc:
            logger.warning("Redis was not looked after (%s)", type(exc).__name__)

    def _ring(self) -> None:
        able = {
            capability
            for known in self.upkeep_directory.known()
            if known.target.is_agent and not known.standing.unfit
            for capability in known.standing.capabilities
        }
        types = [name for name in self.types if set(CAPABILITIES[name]) & able]
        group = self.reader.group
        ring_forgotten_tasks(self.upkeep_redis, group=group, types=types)
        ring_for_dead_letters()

    def keep_last(self) -> None:
        """Store what was seen and not yet stored."""
        self.tallies.store()
