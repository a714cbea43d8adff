"""``manage.py rollup_agreement``: count what was signed; once a night."""

from __future__ import annotations

import os
import socket
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agreement.services import roll_up


class Command(BaseCommand):
    """Safe to run at any time, again, and by several machines at once."""

    help = "Count signed reports against their drafts, for the page on agreement."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--since",
            metavar="YYYY-MM-DD",
            help="count anew from this day on; default: two days before the last run",
        )

    def handle(self, *, since: str | None, **options: Any) -> None:
        """Roll up and say what was counted.

        Raises:
            CommandError: the day cannot be used.
        """
        host = socket.gethostname().split(".")[0]
        done = roll_up(actor=f"system:{host}-{os.getpid()}", since=_day(since))
        if done is None:
            self.stdout.write("Another process is rolling up; nothing was done.")
            return
        self.stdout.write(
            f"{done.cases} signed reports counted, {done.first_day} to {done.last_day}"
        )


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CommandError("--since must be a day, such as 2026-09-01.") from None
    if not date(2000, 1, 1) <= day <= timezone.localdate():
        raise CommandError("--since must lie between 2000-01-01 and today.")
    return day
