"""``manage.py audit_export``: take events out of the log, as they are or as FHIR."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from audit.exporting import FHIR, NDJSON, Period, export_events
from audit.management.asking import CouldNotRun

ACTOR = "system:audit_export"


class Command(BaseCommand):
    """One event a line, oldest first, to the standard output."""

    help = "Write audit events as lines: their own texts, or FHIR R4 AuditEvents."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("--format", choices=[FHIR, NDJSON], default=NDJSON)
        when = "a day or a time in ISO 8601; UTC if it names no zone"
        parser.add_argument("--from", dest="since", metavar="TIME", help=when)
        parser.add_argument(
            "--to", dest="before", metavar="TIME", help=f"{when}; not included"
        )
        parser.add_argument(
            "--case", default="", metavar="ID", help="of one case alone"
        )
        parser.add_argument(
            "--clinic", default="", metavar="SLUG", help="of one clinic"
        )

    def handle(
        self,
        *,
        format: str,
        since: str | None,
        before: str | None,
        case: str,
        clinic: str,
        **options: Any,
    ) -> None:
        """Export them.

        Raises:
            CouldNotRun: a time is none.
        """
        period = Period(
            since=_time(since), before=_time(before), case_id=case, clinic=clinic
        )
        try:
            for line in export_events(period, form=format, actor=ACTOR):
                self.stdout.write(line)
            self.stdout.flush()
        except BrokenPipeError:
            # Whoever read has read enough; what is left in the buffer goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _time(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CouldNotRun(f"{text!r} is no day and no time in ISO 8601.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
