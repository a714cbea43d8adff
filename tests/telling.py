"""Whether the database asks at each commit that the log tells of a job's state.

It does so wherever the product runs. PostgreSQL only.
"""

from __future__ import annotations

from collections.abc import Iterable

TRIGGERS = ("job_is_told", "job_change_is_told")
ASK = [f"ALTER TABLE screening_job ENABLE ALWAYS TRIGGER {name}" for name in TRIGGERS]
ASK_NOT = [f"ALTER TABLE screening_job DISABLE TRIGGER {name}" for name in TRIGGERS]


def run(statements: Iterable[str]) -> None:
    """Run statements on the tests' database, if it is PostgreSQL."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
