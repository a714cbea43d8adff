"""Asking PostgreSQL how it would read a table that has next to no rows.

In such a table every index is as cheap as another, and no index as cheap as any.
"""

from __future__ import annotations

from django.db import connection


def leave_only(table: str, *indexes: str) -> None:
    """Put all other ways to read a table out of use, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indrelid = %s::regclass "
            "AND indexrelid::regclass::text <> ALL (%s)",
            [table, list(indexes)],
        )
