"""``manage.py audit_check FILE``: the door to `audit/check.py`, which works alone."""

from __future__ import annotations

import contextlib
import io
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from audit import check


class Command(BaseCommand):
    """Ends with 0 if it is proven, with 1 if not, with 2 if it was not checked."""

    help = "Check a proof from an audit log, without the log, under the keys given."
    requires_system_checks: Any = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options, which are those of the file that works alone."""
        parser.add_argument("file", metavar="FILE", help="the proof; - is stdin")
        parser.add_argument(
            "--key", action="append", default=[], help="a public key: NAME+ID+KEY"
        )
        parser.add_argument(
            "--keys", action="append", default=[], help="a file of public keys"
        )

    def handle(
        self, *, file: str, key: list[str], keys: list[str], **options: Any
    ) -> None:
        """Check, and end with the status of the file that works alone.

        Raises:
            SystemExit: it is not proven, or was not checked.
        """
        words = [word for each in key for word in ("--key", each)]
        words += [word for each in keys for word in ("--keys", each)]
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = check.main([*words, "--", file])
        self.stdout.write(said.getvalue())
        if status:
            sys.exit(status)
