"""``manage.py migrate``: as Django's, with all the time that a statement needs.

An index over millions of events takes longer than the few seconds that a request's
statement may. A lock is still waited for as shortly as by a request: who waits for one
keeps everybody waiting behind it.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    """Django's own, but for how long a statement may take on PostgreSQL."""

    help = "Bring the database to this version; a statement may take its time."

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate."""
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        try:
            super().handle(*args, **options)
        finally:
            # The session goes back into a pool. If it is broken it does not.
            if connection.connection is not None and connection.is_usable():
                with connection.cursor() as cursor:
                    cursor.execute("RESET statement_timeout")
