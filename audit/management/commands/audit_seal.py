"""``manage.py audit_seal``: give what waits its place in the signed tree."""

from __future__ import annotations

import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection

from audit.keyring import signers
from audit.publishing import Publisher
from audit.sealing import EVERY_SECONDS, Sealer
from audit.sequencer import LogBroken, seal_all


class Command(BaseCommand):
    """Seal once, or again and again until told to stop. Any number may run."""

    help = "Seal the audit events that wait. Needs AUDIT_KEY or AUDIT_KEY_FILE."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--follow", action="store_true", help="go on until SIGTERM, once a second"
        )

    def handle(self, *, follow: bool, **options: Any) -> None:
        """Seal.

        Raises:
            CommandError: there is no key, or the log is broken.
        """
        if not signers():
            raise CommandError(
                "No key to sign with. Set AUDIT_KEY_FILE to one made with: "
                "python manage.py audit_key NAME --file PATH"
            )
        if follow:
            self._follow()
            return
        try:
            checkpoint = seal_all(signers(), seconds=float("inf"))
        except LogBroken as exc:
            raise CommandError(f"The log is broken, and is not sealed: {exc}.") from exc
        if checkpoint is None:
            self.stdout.write("Nothing waits to be sealed.")
            return
        publisher = Publisher()
        publisher.publish(checkpoint)
        publisher.close()
        self.stdout.write(f"Sealed: {checkpoint.size:,} events.")

    def _follow(self) -> None:
        stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        sealer = Sealer()
        while not stopping.is_set():
            try:
                sealer.turn(time.monotonic())
            except DatabaseError as exc:
                self.stderr.write(f"The database is away ({type(exc).__name__}).")
                connection.close()
            stopping.wait(EVERY_SECONDS)
        sealer.close()
