"""Let the database itself refuse any change to the audit log.

PostgreSQL: one statement trigger covers UPDATE, DELETE, TRUNCATE and the update half
of an upsert, and fires even under session_replication_role=replica. SQLite: INSERT OR
REPLACE deletes without firing a delete trigger, so an id that exists is refused before
the insert.
"""

from __future__ import annotations

from django.db import migrations

REFUSAL = "audit events are append-only"
INSTALL = {
    "postgresql": [
        f"""CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$""",
        """CREATE TRIGGER audit_append_only
           BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_audit
           FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
        "ALTER TABLE audit_audit ENABLE ALWAYS TRIGGER audit_append_only",
    ],
    "sqlite": [
        f"""CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit_audit
            BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
        f"""CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_audit
            BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
        f"""CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit_audit
            WHEN EXISTS (SELECT 1 FROM audit_audit
                         WHERE id = NEW.id OR event_id = NEW.event_id)
            BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    ],
}
REMOVE = {
    "postgresql": [
        "DROP TRIGGER audit_append_only ON audit_audit",
        "DROP FUNCTION audit_refuse()",
    ],
    "sqlite": [
        "DROP TRIGGER audit_no_update",
        "DROP TRIGGER audit_no_delete",
        "DROP TRIGGER audit_no_replace",
    ],
}


def run(statements):
    """Make a migration step that runs this database's own statements."""

    def step(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return step


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunPython(run(INSTALL), run(REMOVE))]
