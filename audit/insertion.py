"""The one statement that adds events, whose time the database writes into the text.

It sends the texts and nothing else: the database copies what the columns need out of
them, so that they say the same. PostgreSQL does so in a function, `audit_record`, whose
plan it keeps: planning the INSERT anew takes as long as all the rest of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django.db import connection

from audit.entries import Text

TIME = "\x1e"
"""Stands where the time belongs: JSON has no such character as itself."""

END = "\n"
"""Stands between two texts, for the same reason."""

CALL = "audit_record(%s)"
# The column has the same function for its default, and one statement has one time: it
# cannot differ from the text.
SQLITE = """
    INSERT INTO audit_audit (event_id, action, actor, clinic, case_id, job_id, attempt,
        request_id, detail, canonical)
    SELECT replace(json_extract(canonical, '$.event_id'), '-', ''),
        json_extract(canonical, '$.type'), json_extract(canonical, '$.actor.id'),
        coalesce(json_extract(canonical, '$.entity.clinic'), ''),
        coalesce(json_extract(canonical, '$.entity.case_id'), ''),
        replace(json_extract(canonical, '$.entity.job_id'), '-', ''),
        json_extract(canonical, '$.entity.attempt'),
        coalesce(json_extract(canonical, '$.request_id'), ''),
        coalesce(json_extract(canonical, '$.detail'), '{}'), canonical
    FROM (
        SELECT key, replace(value, char(30),
            strftime('%%Y-%%m-%%dT%%H:%%M:%%f000Z', 'now')) AS canonical
        FROM json_each(%s)
    ) ORDER BY key"""


def insert(texts: Sequence[Text]) -> None:
    """Add events, in this order, inside the caller's transaction."""
    if texts:
        with connection.cursor() as cursor:
            is_sqlite = connection.vendor == "sqlite"
            cursor.execute(SQLITE if is_sqlite else f"SELECT {CALL}", _params(texts))


def insert_beside(
    texts: Sequence[Text], sql: str, params: Sequence[Any]
) -> list[tuple[Any, ...]]:
    """Run a statement that returns rows, and add events: at once where that works.

    Returns the statement's rows.
    """
    both = texts and connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if both:
            sql = f"WITH stored AS ({sql}) SELECT stored.* FROM stored, {CALL}"  # noqa: S608 - ours
            params = [*params, *_params(texts)]
        cursor.execute(sql, params)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if not both:
        insert(texts)
    return rows


def _params(texts: Sequence[Text]) -> list[str]:
    joined = [TIME.join(text) for text in texts]
    return [json.dumps(joined) if connection.vendor == "sqlite" else END.join(joined)]
