"""``manage.py deliver_webhooks``: what the workers do, where none of them runs."""

from __future__ import annotations

import os
import signal
import socket
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from claims.line import DATABASE_AWAY
from routing.client import ModelClient
from screening.services.webhooks.courier import Courier, deliver_all

PAUSE_SECONDS = 1.0


class Command(BaseCommand):
    """Safe beside the workers: each delivery is claimed by one of them."""

    help = "Send the webhooks that are due, until SIGTERM or once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--once", action="store_true", help="send what is due now, and stop"
        )

    def handle(self, *, once: bool, **options: Any) -> None:
        """Send, and say how many tries that were."""
        host = socket.gethostname().split(".")[0]
        worker = f"{host}-{os.getpid()}-webhooks"
        client = ModelClient(connections=1)
        try:
            if once:
                sent = deliver_all(client, worker=worker)
                self.stdout.write(f"{sent} sent")
            else:
                self._until_told(Courier(client, worker=worker))
        finally:
            client.close()

    def _until_told(self, courier: Courier) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        while not stopping.is_set():
            try:
                courier.turn()
            except DATABASE_AWAY as exc:
                self.stderr.write(f"The database is away ({type(exc).__name__})")
                connection.close()
            stopping.wait(PAUSE_SECONDS)
        courier.close()
