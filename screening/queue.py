"""The doorbell: job ids for RQ. The rows are the truth; a lost ring is no loss."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from redis.exceptions import RedisError
from rq import Queue
from rq.serializers import JSONSerializer
from rq.worker_registration import get_keys

from routing.connection import connect

logger = logging.getLogger(__name__)

PROCESS_JOB = "screening.worker.process_job"
DESCRIPTION = "screening job"
QUIET_SECONDS = 1.0
LONGEST_LOOK = 20_000
SETTLING_SECONDS = 120


def open_queue() -> Queue:
    """Open a handle on the queue with a connection pool of its own."""
    return Queue(
        settings.INFERENCE_QUEUE, connection=connect(), serializer=JSONSerializer
    )


@lru_cache(maxsize=1)
def inference_queue() -> Queue:
    """Return the one handle that all requests of this process share."""
    return open_queue()


class Bell:
    """Remembers that Redis has just failed, so that not every request waits for it."""

    quiet_until = 0.0


def enqueue(
    job_ids: Collection[UUID],
    *,
    urgent: Collection[UUID] = (),
    queue: Queue | None = None,
) -> bool:
    """Put jobs on the inference queue, the urgent ones in front; say whether it worked.

    Handing over twice is harmless: only one worker can claim the row. Where Redis
    fails, the jobs are still pending, and the reconciler tries again. For a second
    after a failure nothing is tried at all, so that a hung Redis costs few requests
    their half second.
    """
    now = time.monotonic()
    if queue is None and now < Bell.quiet_until:
        return False
    first = [job_id for job_id in job_ids if job_id in urgent]
    others = [job_id for job_id in job_ids if job_id not in urgent]
    try:
        # Each of the first is put in front of the last: so the last one goes first.
        (queue or inference_queue()).enqueue_many(
            Queue.prepare_data(
                PROCESS_JOB,
                args=[str(job_id)],
                job_id=str(job_id),
                description=DESCRIPTION,
                result_ttl=0,
                failure_ttl=60,
                timeout=int(2 * settings.ROUTING_TIMEOUT_SECONDS) + SETTLING_SECONDS,
                at_front=job_id in urgent,
            )
            for job_id in [*others, *reversed(first)]
        )
    except RedisError as exc:
        Bell.quiet_until = time.monotonic() + QUIET_SECONDS
        logger.warning("Redis took no job ids (%s)", type(exc).__name__)
        return False
    return True


def waiting(queue: Queue) -> set[str] | None:
    """Return the ids in the queue, or None when there are too many to look at.

    Raises:
        RedisError: Redis is away.
    """
    if queue.count > LONGEST_LOOK:
        return None
    return set(queue.get_job_ids())


def workers(queue: Queue) -> int:
    """Count the workers that RQ has heard of within the last minute.

    Its list of them also has those that were killed, until somebody tidies up.

    Raises:
        RedisError: Redis is away.
    """
    names = get_keys(queue)
    return int(queue.connection.exists(*names)) if names else 0
