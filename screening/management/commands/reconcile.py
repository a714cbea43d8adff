"""``manage.py reconcile``: one pass of what the workers do every few seconds."""

from __future__ import annotations

import os
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from redis.exceptions import RedisError

from screening.queue import inference_queue
from screening.services.reconciliation import reconcile


class Command(BaseCommand):
    """Safe to run at any time, and by several machines at once."""

    help = "Take jobs from lost workers, and enqueue due jobs that Redis has not got."

    def handle(self, **options: Any) -> None:
        """Reconcile once and say what was done.

        Raises:
            CommandError: Redis would not take the due jobs.
        """
        host = socket.gethostname().split(".")[0]
        done = reconcile(inference_queue(), actor=f"system:{host}-{os.getpid()}")
        self.stdout.write(
            f"{done.released} released, {done.failed} failed, {done.enqueued} enqueued"
        )
        if done.waiting:
            raise CommandError(
                f"Redis took none of {done.waiting} due jobs; is REDIS_URL right?"
            )
        try:
            inference_queue().connection.ping()
        except RedisError as exc:
            raise CommandError(
                f"Redis does not answer at REDIS_URL ({type(exc).__name__}); "
                "due jobs wait until it does."
            ) from exc
