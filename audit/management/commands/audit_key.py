"""``manage.py audit_key NAME``: make a key that signs the audit log."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.proofs.keys import KeyRefused, SignerKey


class Command(BaseCommand):
    """Print a new key, or write it to a file that only its owner can read."""

    help = "Make a key that signs the audit log, and print the public one."
    requires_system_checks: Any = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("name", help="the log's name, such as clinic.example/audit")
        parser.add_argument("--file", help="write the private key there, in a new file")

    def handle(self, *, name: str, file: str | None, **options: Any) -> None:
        """Make the key; the public one is printed in either case.

        Raises:
            CommandError: the name cannot be one, or the file is there already.
        """
        try:
            key = SignerKey.generate(name)
        except KeyRefused as exc:
            raise CommandError(f"{exc}, such as clinic.example/audit") from exc
        if file:
            _write_new(Path(file), f"{key.secret_text()}\n")
        else:
            self.stdout.write(key.secret_text())
        self.stdout.write(str(key.verifier))


def _write_new(path: Path, text: str) -> None:
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as exc:
        raise CommandError(f"{path} cannot be made ({type(exc).__name__}).") from exc
    with os.fdopen(made, "w") as opened:
        opened.write(text)
