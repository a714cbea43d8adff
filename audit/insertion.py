"""The one statement that adds events, whose time the database writes into the text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from audit.entries import Event, Text

COLUMNS = (
    "event_id, action, actor, clinic, case_id, job_id, attempt, request_id, detail, "
    "canonical"
)
# One statement has one time on PostgreSQL, and each row its own statement on SQLite:
# the column, which has the same function for its default, cannot differ from the text.
ALL_ROWS = f"""
    INSERT INTO audit_audit ({COLUMNS})
    SELECT event_id, action, actor, clinic, case_id, job_id, attempt, request_id,
        detail, before || to_char(STATEMENT_TIMESTAMP() AT TIME ZONE 'UTC',
                          'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || after
    FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[],
                %s::int[], %s::text[], %s::jsonb[], %s::text[], %s::text[])
        WITH ORDINALITY AS row (event_id, action, actor, clinic, case_id, job_id,
            attempt, request_id, detail, before, after, place)
    ORDER BY place"""  # noqa: S608 - the names are ours
EACH_ROW = f"""
    INSERT INTO audit_audit ({COLUMNS})
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s,
        %s || strftime('%%Y-%%m-%%dT%%H:%%M:%%f000Z', 'now') || %s)"""  # noqa: S608


class Row(NamedTuple):
    """All that is stored of an event."""

    event: Event
    event_id: UUID
    request_id: str
    text: Text

    def values(self) -> tuple[Any, ...]:
        """Return the values in the order of the statements' parameters."""
        event = self.event
        return (
            self.event_id,
            str(event.action),
            event.actor,
            event.clinic,
            event.case_id,
            event.job_id,
            event.attempt,
            self.request_id,
            json.dumps(event.detail),
            *self.text,
        )


def insert(rows: Sequence[Row]) -> None:
    """Add events, in this order, inside the caller's transaction."""
    if not rows:
        return
    values = [row.values() for row in rows]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                ALL_ROWS, [list(column) for column in zip(*values, strict=True)]
            )
        else:
            cursor.executemany(EACH_ROW, [_hexed(row) for row in values])


def _hexed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Write ids as Django's columns have them on SQLite."""
    return tuple(each.hex if isinstance(each, UUID) else each for each in row)
