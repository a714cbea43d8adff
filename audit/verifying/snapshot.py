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

    Inside a transaction that is that of the caller. A text that is no UTF-8 is read
    all the same, as one that nobody could have written.

    Raises:
        DatabaseError: the database is away. What was begun is given up.
    """
    with _any_text(), _moment():
        yield


@contextmanager
def _any_text() -> Iterator[None]:
    """Have SQLite, which keeps any bytes as text, give them instead of giving up."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    raw = connection.connection
    kept = raw.text_factory
    raw.text_factory = _text
    try:
        yield
    finally:
        raw.text_factory = kept


def _text(held: bytes) -> str:
    """Put a lone surrogate, which no text of ours has, for each byte that is none."""
    return held.decode(errors="surrogateescape")


@contextmanager
def _moment() -> Iterator[None]:
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
