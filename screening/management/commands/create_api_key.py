"""``manage.py create_api_key NAME``: make a key and print it, once."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from screening.models import Clinic, Scope
from screening.services.keys import DEFAULT_CLINIC, create_key

SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Command(BaseCommand):
    """The key is printed alone on the last line, and can never be shown again."""

    help = "Make an API key. It is shown once: only its digest is stored."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument("name", help="whose key it is, such as 'EHR bridge'")
        parser.add_argument(
            "--clinic",
            default=DEFAULT_CLINIC,
            metavar="SLUG",
            help="the clinic whose cases it opens; made if there is none yet",
        )
        parser.add_argument(
            "--scope",
            action="append",
            choices=[str(scope) for scope in Scope],
            help="may be given several times; default: jobs:write and jobs:read",
        )
        parser.add_argument("--days", type=int, help="days until it expires")

    def handle(
        self,
        *,
        name: str,
        clinic: str,
        scope: list[str] | None,
        days: int | None,
        **options: Any,
    ) -> None:
        """Make the key.

        Raises:
            CommandError: the name, the clinic's slug or the number of days cannot be
                used.
        """
        name = name.strip()
        if not (0 < len(name) <= 100 and name.isprintable()):
            raise CommandError("NAME must be 1 to 100 printable characters.")
        if not SLUG.fullmatch(clinic):
            raise CommandError("--clinic must be letters, digits, - and _, at most 64.")
        if days is not None and not 1 <= days <= 3650:
            raise CommandError("--days must lie between 1 and 3650.")
        owner, made = Clinic.objects.get_or_create(
            slug=clinic, defaults={"name": clinic}
        )
        _, raw = create_key(
            name=name,
            clinic=owner,
            scopes=scope or [Scope.JOBS_WRITE, Scope.JOBS_READ],
            actor="system:create_api_key",
            expires_at=timezone.now() + timedelta(days=days) if days else None,
        )
        if made:
            self.stderr.write(f"Clinic {clinic} was made.")
        self.stderr.write("Keep this key: it is not stored, and not shown again.")
        self.stdout.write(raw)
