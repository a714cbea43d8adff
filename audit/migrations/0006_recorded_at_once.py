"""Add events by a function on PostgreSQL, which keeps its plan.

It is given their texts, one a line, with U+001E where the time belongs, and copies the
columns out of them. Whatever else adds an event still meets the same triggers.
"""

from __future__ import annotations

import importlib

from django.db import migrations

EVENTS = "audit_audit"
INSTALL = {
    "postgresql": [
        f"""CREATE FUNCTION audit_record(texts text) RETURNS void LANGUAGE plpgsql AS $$
            DECLARE
                -- As the column's default: one statement has one time.
                at text := to_char(STATEMENT_TIMESTAMP() AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
            BEGIN
                INSERT INTO {EVENTS} (event_id, action, actor, clinic, case_id, job_id,
                    attempt, request_id, detail, canonical)
                SELECT (fields ->> 'event_id')::uuid, fields ->> 'type',
                    fields -> 'actor' ->> 'id',
                    coalesce(fields -> 'entity' ->> 'clinic', ''),
                    coalesce(fields -> 'entity' ->> 'case_id', ''),
                    (fields -> 'entity' ->> 'job_id')::uuid,
                    (fields -> 'entity' ->> 'attempt')::int,
                    coalesce(fields ->> 'request_id', ''),
                    coalesce(fields -> 'detail', '{{}}'), written
                FROM (
                    SELECT written, written::jsonb AS fields
                    FROM string_to_table(replace(texts, E'\\x1e', at), E'\\n') AS written
                    -- Or the text would be read once for each column.
                    OFFSET 0
                ) AS events;
            END $$""",
    ],
    "sqlite": [],
}
REMOVE = {"postgresql": ["DROP FUNCTION audit_record(text)"], "sqlite": []}
run = importlib.import_module("audit.migrations.0002_append_only").run


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_counting")]
    operations = [migrations.RunPython(run(INSTALL), run(REMOVE))]
