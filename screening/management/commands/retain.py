"""``manage.py retain``: what is kept no longer goes. For a timer, each night."""

from __future__ import annotations

import json as as_json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from screening.services.retention import retain

ACTOR = "system:retain"


class Command(BaseCommand):
    """Remove what is older than the RETAIN settings say, and no audit event, ever.

    Safe at any time. What a legal hold stands on stays.
    """

    help = "Remove what is kept no longer, by the RETAIN settings. --dry-run first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--dry-run", action="store_true", help="only say how much would go"
        )
        parser.add_argument("--json", action="store_true", help="for machines")

    def handle(self, *, dry_run: bool, json: bool, **options: Any) -> None:
        """Remove it, and say how much of each kind."""
        done = retain(actor=ACTOR, dry_run=dry_run)
        if json:
            said = {"dry_run": dry_run, "kinds": [asdict(each) for each in done]}
            self.stdout.write(as_json.dumps(said, indent=2))
            return
        for each in done:
            what = "kept for ever" if each.number == "0" else f"{each.removed:,} "
            if each.number != "0":
                what += "would go" if dry_run else "removed"
            if each.refused:
                what += f", {each.refused:,} could not be erased"
            self.stdout.write(f"{each.kind}: {what} ({each.setting}={each.number})")
        self.stdout.write("audit events: kept for ever")
