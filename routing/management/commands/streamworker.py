"""``manage.py streamworker``: give tasks from the streams to agents."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from claims.page import serve_metrics
from routing.models import Capability
from routing.worker import StreamWorker
from wire import tracing


class Command(BaseCommand):
    """Start one worker process; any number of them may run, on any machines."""

    help = "Give tasks from the streams to agents until SIGTERM, then finish them."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--name", default="", help="default: host, process, random")
        parser.add_argument(
            "--concurrency",
            type=int,
            default=0,
            metavar="N",
            help=f"tasks in flight (default {settings.JOB_CONCURRENCY})",
        )
        parser.add_argument(
            "--capability",
            action="append",
            default=[],
            choices=Capability.values,
            help="take only tasks that want it; several times if need be",
        )
        parser.add_argument(
            "--burst", action="store_true", help="stop when the streams are empty"
        )

    def handle(
        self,
        *,
        name: str,
        concurrency: int,
        capability: list[str],
        burst: bool,
        **options: Any,
    ) -> None:
        """Work until told to stop.

        Raises:
            CommandError: an option cannot be used.
        """
        if concurrency < 0:
            raise CommandError("--concurrency must be 1 or more.")
        worker = StreamWorker(
            name=name, concurrency=concurrency, capabilities=capability
        )
        serve_metrics()
        tracing.start("pedi-stream-worker")
        try:
            worker.work(burst=burst)
        finally:
            tracing.stop()
