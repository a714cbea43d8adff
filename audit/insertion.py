"""The one statement that adds events, whose time the database writes into the text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from audit.entries import Event, Text

TOLD = (
    *("event_id", "action", "actor", "clinic", "case_id", "job_id", "attempt"),
    *("request_id", "detail"),
)
COLUMNS = f"{', '.join(TOLD)}, canonical"
# The column has the same function for its default, and one statement has one time: it
# cannot differ from the text.
TIME = {
    "postgresql": "to_char(STATEMENT_TIMESTAMP() AT TIME ZONE 'UTC', "
    """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "sqlite": "strftime('%%Y-%%m-%%dT%%H:%%M:%%f000Z', 'now')",
}
ONE_ROW = f"""
    INSERT INTO audit_audit ({COLUMNS})
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s || {TIME["postgresql"]} || %s)"""  # noqa: S608 - the names are ours
# One parameter for all rows: a parameter for each value takes three times as long.
ALL_ROWS = {
    "postgresql": f"""
        INSERT INTO audit_audit ({COLUMNS})
        SELECT event_id, action, actor, clinic, case_id, job_id, attempt, request_id,
            detail, before || {TIME["postgresql"]} || after
        FROM json_to_recordset(%s::json) AS event (event_id uuid, action text,
            actor text, clinic text, case_id text, job_id uuid, attempt int,
            request_id text, detail jsonb, before text, after text)""",  # noqa: S608
    "sqlite": f"""
        INSERT INTO audit_audit ({COLUMNS})
        SELECT {", ".join(f"json_extract(value, '$.{name}')" for name in TOLD)},
            json_extract(value, '$.before') || {TIME["sqlite"]}
                || json_extract(value, '$.after')
        FROM json_each(%s) ORDER BY key""",  # noqa: S608
}


class Row(NamedTuple):
    """All that is stored of an event."""

    event: Event
    event_id: UUID
    request_id: str
    text: Text

    def values(self) -> dict[str, Any]:
        """Return what is stored, by column, in the order of the statements."""
        event = self.event
        return {
            "event_id": self.event_id,
            "action": str(event.action),
            "actor": event.actor,
            "clinic": event.clinic,
            "case_id": event.case_id,
            "job_id": event.job_id,
            "attempt": event.attempt,
            "request_id": self.request_id,
            "detail": event.detail,
            "before": self.text.before,
            "after": self.text.after,
        }


def insert(rows: Sequence[Row]) -> None:
    """Add events, in this order, inside the caller's transaction."""
    values = [row.values() for row in rows]
    vendor = connection.vendor
    with connection.cursor() as cursor:
        if vendor == "postgresql" and len(values) == 1:
            [only] = values
            detail = json.dumps(only["detail"])
            cursor.execute(ONE_ROW, list({**only, "detail": detail}.values()))
        elif values:
            write = _hexed if vendor == "sqlite" else str
            cursor.execute(ALL_ROWS[vendor], [json.dumps(values, default=write)])


def _hexed(value: UUID) -> str:
    """Write an id as Django's columns have it on SQLite."""
    return value.hex
