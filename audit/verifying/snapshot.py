"""The database as it was at one moment, while the log goes on being written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection

# On SQLite others may write meanwhile: `atomic` would take the lock for writing.
BEGIN = {
    "postgresql": [
        "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
        "SET LOCAL statement_timeout = 0",
        "SET LOCAL idle_in_transaction_session_timeout = 0",
    ],
    "sqlite": ["BEGIN DEFERRED"],
}


@contextmanager
def snapshot() -> Iterator[None]:
    """Read all that is read inside as of one moment, however long it takes.

    Inside a transaction that is that of the caller.

    Raises:
        DatabaseError: the database is away. What was begun is given up.
    """
    if connection.in_atomic_block:
        yield
        return
    try:
        _run(BEGIN[connection.vendor])
        yield
    except DatabaseError:
        connection.close()
        raise
    except BaseException:
        _run(["ROLLBACK"])
        raise
    _run(["ROLLBACK"])


def _run(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
