"""What RQ is told, for those who watch with its tools. Nothing depends on it.

A worker registers, sends heartbeats and lists the jobs it has started; all of it may
be lost, and Redis may be away.
"""

from __future__ import annotations

import logging
from uuid import UUID, uuid4

from django.conf import settings
from redis.exceptions import RedisError
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job as RQJob
from rq.registry import StartedJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import current_timestamp
from rq.worker.base import BaseWorker, WorkerStatus

from screening.models import Job
from screening.queue import open_queue

logger = logging.getLogger(__name__)

SILENT_SECONDS = 1
"""RQ adds 60: a worker that has not been heard of for so long is there no more."""


class RegisteredWorker(BaseWorker):
    """An RQ worker to everyone who looks, which takes no orders from Redis.

    Commands, callbacks and code that somebody put there are not looked at.
    """

    connection_timeout = 0  # keep the client's own, which is shorter

    def __init__(self, *, name: str) -> None:
        self.queue = open_queue()
        super().__init__(
            [self.queue],
            name=name,
            serializer=JSONSerializer,
            worker_ttl=SILENT_SECONDS,
        )
        self.started = StartedJobRegistry(queue=self.queue)
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
        """List the jobs as started; drop the entries of rings that came twice.

        What RQ would write job by job is written for all of them at once.
        """
        claimed = {job.pk for job in jobs}
        seconds = int(2 * settings.ROUTING_TIMEOUT_SECONDS) + 120
        begun = [self._execution(pk) for pk in claimed]
        twice = [RQJob.key_for(str(pk)) for pk in ids if pk not in claimed]
        try:
            with self.connection.pipeline(transaction=False) as pipeline:
                if twice:
                    pipeline.delete(*twice)
                for execution in begun:
                    job_id = execution.job_id
                    pipeline.hset(RQJob.key_for(job_id), "status", "started")
                    execution.save(ttl=seconds, pipeline=pipeline)
                    ExecutionRegistry(job_id, self.connection).add(
                        execution, seconds, pipeline
                    )
                if begun:
                    keys = [execution.composite_key for execution in begun]
                    until = current_timestamp() + seconds
                    pipeline.zadd(self.started.key, dict.fromkeys(keys, until))
                    pipeline.sadd(begun[0].worker_executions_key, *keys)
                    pipeline.expire(begun[0].worker_executions_key, seconds + 60)
                self.set_state(WorkerStatus.BUSY, pipeline=pipeline)
                pipeline.execute()
        except RedisError as exc:
            logger.warning("Redis took no notes (%s)", type(exc).__name__)
        self.executions_of |= {UUID(each.job_id): each for each in begun}

    def note_ended(self, jobs: list[Job], *, idle: bool) -> None:
        """Remove all trace of the jobs: what became of them is in their rows."""
        ended = [
            execution
            for job in jobs
            if (execution := self.executions_of.pop(job.pk, None)) is not None
        ]
        keys = [execution.composite_key for execution in ended]
        try:
            with self.connection.pipeline(transaction=False) as pipeline:
                if ended:
                    pipeline.zrem(self.started.key, *keys)
                    pipeline.srem(ended[0].worker_executions_key, *keys)
                for execution in ended:
                    registry = ExecutionRegistry(execution.job_id, self.connection)
                    registry.remove(execution, pipeline)
                entries = [RQJob.key_for(str(job.pk)) for job in jobs]
                pipeline.delete(*entries, *(execution.key for execution in ended))
                pipeline.hincrby(self.key, "successful_job_count", len(jobs))
                if idle:
                    self.set_state(WorkerStatus.IDLE, pipeline=pipeline)
                pipeline.execute()
        except RedisError as exc:
            logger.warning("Redis took no notes (%s)", type(exc).__name__)

    def _execution(self, pk: UUID) -> Execution:
        return Execution(uuid4().hex, str(pk), self.connection, self.name)
