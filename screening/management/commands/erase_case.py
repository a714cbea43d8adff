"""``manage.py erase_case CLINIC CASE --reason R``: everything of a case goes."""

from __future__ import annotations

import json as as_json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from screening.errors import ScreeningError
from screening.management.cases import add_case, named_case
from screening.services.erasure import (
    check_erasable,
    digest_of,
    erase_case,
    manifest_of,
)
from screening.services.reading import note_weighed

ACTOR = "system:erase_case"


class Command(BaseCommand):
    """Erase one case for good, and print the proof of what went. There is no way back.

    The log keeps its events, which hold commitments that nothing opens any more.
    """

    help = "Erase a case for good: rows, signatures and salts. The log stays whole."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        add_case(parser)
        parser.add_argument(
            "--reason",
            default="",
            help="a file number: never a name or a child's words",
        )
        parser.add_argument(
            "--unsigned-too", action="store_true", help="even with a review unsigned"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would go"
        )

    def handle(
        self,
        *,
        clinic: str,
        case: str,
        reason: str,
        unsigned_too: bool,
        dry_run: bool,
        **options: Any,
    ) -> None:
        """Erase it, or say what would go.

        Raises:
            CommandError: there is no such case, or it may not be erased.
        """
        found = named_case(clinic, case)
        try:
            if dry_run:
                check_erasable(found, unsigned_too=unsigned_too)
                manifest = manifest_of(found)
                digest = digest_of(manifest)
                note_weighed(found, actor=ACTOR)
            else:
                stone = erase_case(
                    found, actor=ACTOR, reason=reason, unsigned_too=unsigned_too
                )
                manifest, digest = stone.manifest, stone.digest
        except ScreeningError as exc:
            raise CommandError(str(exc)) from exc
        said = {"erased": not dry_run, "digest": digest, "manifest": manifest}
        self.stdout.write(as_json.dumps(said, indent=2))
