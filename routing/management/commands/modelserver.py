"""``manage.py modelserver``: answer by the reference rules, or with MedGemma."""

from __future__ import annotations

import asyncio
import errno
import logging
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from routing.modelserver.backends import BACKENDS, Backend, Unusable
from routing.modelserver.server import serve
from wire import tracing

logger = logging.getLogger(__name__)


def port_number(text: str) -> int:
    """Read a port; 0 takes any free one."""
    if not text.isascii() or not text.isdigit() or int(text[:6]) > 65_535:
        raise ArgumentTypeError("a port is a whole number from 0 to 65535")
    return int(text)


def milliseconds(text: str) -> int:
    """Read a wait of up to ten minutes."""
    if not text.isascii() or not text.isdigit() or int(text[:7]) > 600_000:
        raise ArgumentTypeError("a latency is a whole number from 0 to 600000")
    return int(text)


class Command(BaseCommand):
    """Needs no database and no Redis."""

    help = "Run a model server of our own until SIGTERM or Ctrl-C."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--backend",
            default="reference",
            help=f"what answers: {', '.join(sorted(BACKENDS))} (default: reference)",
        )
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument(
            "--port", type=port_number, default=settings.MODEL_SERVER_PORT
        )
        parser.add_argument(
            "--latency-ms",
            type=milliseconds,
            default=0,
            metavar="N",
            help="wait N ms before each answer, for trying out queues",
        )

    def handle(
        self, *, backend: str, host: str, port: int, latency_ms: int, **options: Any
    ) -> None:
        """Serve until stopped; a port that cannot be had is an error in one line."""
        chosen = choose_backend(backend)

        def started(url: str) -> None:
            self.stdout.write(
                f"Model server ({chosen.name}, {chosen.model_id}) on {url}"
            )
            self.stdout.flush()
            logger.info("Model server started with backend %s", chosen.name)

        tracing.start("pedi-model-server")
        try:
            asyncio.run(
                serve(
                    chosen,
                    latency=latency_ms / 1000,
                    host=host,
                    port=port,
                    started=started,
                )
            )
        except Unusable as exc:
            raise CommandError(str(exc)) from None
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"Port {port} on {host} is already in use."
                ) from None
            raise CommandError(
                f"Cannot listen on {host}:{port}: {exc.strerror}."
            ) from None
        finally:
            tracing.stop()
        logger.info("Model server stopped")


def choose_backend(name: str) -> Backend:
    """Make the backend of that name; why it cannot be made is one line."""
    if name not in BACKENDS:
        known = ", ".join(sorted(BACKENDS))
        raise CommandError(f'There is no backend "{name}". Known backends: {known}.')
    try:
        return BACKENDS[name]()
    except Unusable as exc:
        raise CommandError(str(exc)) from None
