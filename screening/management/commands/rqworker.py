"""``manage.py rqworker pedi-screen``: run screening jobs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from claims.page import serve_metrics
from screening.worker import ScreeningWorker
from wire import tracing


class Command(BaseCommand):
    """Start one worker process; any number of them may run, on any machines."""

    help = "Run screening jobs from Redis until SIGTERM, then finish those in flight."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("queues", nargs="*", default=[settings.INFERENCE_QUEUE])
        parser.add_argument("--name", default="", help="default: host, process, random")
        parser.add_argument(
            "--concurrency",
            type=int,
            default=0,
            metavar="N",
            help=f"jobs in flight (default {settings.JOB_CONCURRENCY})",
        )
        parser.add_argument(
            "--burst", action="store_true", help="stop when the queue is empty"
        )

    def handle(
        self,
        *,
        queues: list[str],
        name: str,
        concurrency: int,
        burst: bool,
        **options: Any,
    ) -> None:
        """Work until told to stop.

        Raises:
            CommandError: another queue is asked for, or Redis is not there.
        """
        if queues != [settings.INFERENCE_QUEUE]:
            raise CommandError(
                f"A worker listens to one queue, {settings.INFERENCE_QUEUE}, no other."
            )
        if _unmigrated():
            raise CommandError(
                "The database is not migrated. Run: python manage.py migrate"
            )
        if concurrency < 0:
            raise CommandError("--concurrency must be 1 or more.")
        try:
            worker = ScreeningWorker(name=name, concurrency=concurrency)
        except RedisError as exc:
            raise CommandError(
                f"Redis does not answer at REDIS_URL ({type(exc).__name__}). "
                "Start it, or set REDIS_URL to where it is."
            ) from exc
        except ValueError as exc:
            raise CommandError(str(exc)) from exc
        serve_metrics()
        tracing.start("pedi-worker")
        try:
            worker.work(burst=burst)
        finally:
            tracing.stop()


def _unmigrated() -> bool:
    """Say whether migrations wait; a database that is away may yet come back."""
    try:
        executor = MigrationExecutor(connection)
    except DatabaseError:
        return False
    finally:
        connection.close()
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
