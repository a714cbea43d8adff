"""What RQ is told, for those who watch with its tools. Nothing depends on it.

A worker registers, sends heartbeats and lists the jobs it has started; all of it may
be lost, and Redis may be away.
"""

from __future__ import annotations

import logging
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError
from rq.executions import Execution
from rq.job import Job as RQJob
from rq.serializers import JSONSerializer
from rq.worker.base import BaseWorker, WorkerStatus

from screening.models import Job
from screening.queue import open_queue

logger = logging.getLogger(__name__)


class RegisteredWorker(BaseWorker):
    """An RQ worker to everyone who looks, which takes no orders from Redis.

    Commands, callbacks and code that somebody put there are not looked at.
    """

    connection_timeout = 0  # keep the client's own, which is shorter

    def __init__(self, *, name: str) -> None:
        self.queue = open_queue()
        super().__init__([self.queue], name=name, serializer=JSONSerializer)
        self.executions_of: dict[UUID, Execution] = {}

    def register(self) -> None:
        """Appear among the workers."""
        self.register_birth()  # type: ignore[no-untyped-call]
        self.set_state(WorkerStatus.IDLE)

    def keep_registered(self) -> None:
        """Tell RQ that we live; register anew if Redis has forgotten us."""
        try:
            if self.connection.exists(self.key):
                self.heartbeat()
            else:
                self.register()
        except RedisError as exc:
            logger.warning("Redis took no heartbeat (%s)", type(exc).__name__)

    def sign_off(self) -> None:
        """Disappear from among the workers."""
        try:
            self.register_death()  # type: ignore[no-untyped-call]
        except RedisError as exc:
            logger.warning("Redis took no farewell (%s)", type(exc).__name__)

    def note_started(self, ids: list[UUID], jobs: list[Job]) -> None:
        """List the jobs as started; drop the entries of rings that came twice."""
        claimed = {job.pk for job in jobs}
        seconds = int(2 * settings.ROUTING_TIMEOUT_SECONDS) + 120
        try:
            with self.connection.pipeline(transaction=False) as pipeline:
                for pk in ids:
                    entry = self._entry(pk)
                    if pk not in claimed:
                        pipeline.delete(entry.key)
                        continue
                    pipeline.hset(entry.key, "status", "started")
                    execution = Execution.create(entry, seconds, pipeline, self.name)
                    self.executions_of[pk] = execution
                self.set_state(WorkerStatus.BUSY, pipeline=pipeline)
                pipeline.execute()
        except RedisError as exc:
            logger.warning("Redis took no notes (%s)", type(exc).__name__)

    def note_ended(self, jobs: list[Job], *, idle: bool) -> None:
        """Remove all trace of the jobs: what became of them is in their rows."""
        try:
            with self.connection.pipeline(transaction=False) as pipeline:
                for job in jobs:
                    entry = self._entry(job.pk)
                    execution = self.executions_of.pop(job.pk, None)
                    if execution is not None:
                        execution.delete(entry, pipeline)
                    pipeline.delete(entry.key)
                pipeline.hincrby(self.key, "successful_job_count", len(jobs))
                if idle:
                    self.set_state(WorkerStatus.IDLE, pipeline=pipeline)
                pipeline.execute()
        except RedisError as exc:
            logger.warning("Redis took no notes (%s)", type(exc).__name__)

    def _entry(self, pk: UUID) -> RQJob:
        entry = RQJob(str(pk), connection=self.connection, serializer=JSONSerializer)
        entry.origin = self.queue.name
        return entry
