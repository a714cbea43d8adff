"""Let the database itself refuse any change to a consent but its one revocation.

PostgreSQL: a row trigger compares all columns but the two of a revocation. SQLite has no
such comparison, so each column is named; and INSERT OR REPLACE deletes without firing a
delete trigger, so a row that exists is refused before the insert.
"""

from __future__ import annotations

from django.db import migrations

REFUSAL = "consents are kept: one may be revoked, and no more"
KEPT = [
    *["id", "clinic", "case_id", "consent_id", "version", "scopes", "given_by"],
    *["recorded_by", "given_at", "expires_at"],
]
IS_OTHER = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in KEPT)
INSTALL = {
    "postgresql": [
        f"""CREATE FUNCTION consent_refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$""",
        f"""CREATE FUNCTION consent_revoke_only() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN
                 IF OLD.revoked_at IS NOT NULL
                 OR to_jsonb(NEW) - 'revoked_at' - 'revoked_by'
                    IS DISTINCT FROM to_jsonb(OLD) - 'revoked_at' - 'revoked_by' THEN
                   RAISE EXCEPTION '{REFUSAL}';
                 END IF;
                 RETURN NEW;
               END $$""",
        """CREATE TRIGGER consent_kept BEFORE DELETE OR TRUNCATE ON consent_consent
           FOR EACH STATEMENT EXECUTE FUNCTION consent_refuse()""",
        """CREATE TRIGGER consent_revoked_once BEFORE UPDATE ON consent_consent
           FOR EACH ROW EXECUTE FUNCTION consent_revoke_only()""",
        "ALTER TABLE consent_consent ENABLE ALWAYS TRIGGER consent_kept",
        "ALTER TABLE consent_consent ENABLE ALWAYS TRIGGER consent_revoked_once",
    ],
    "sqlite": [
        f"""CREATE TRIGGER consent_revoked_once BEFORE UPDATE ON consent_consent
            WHEN OLD.revoked_at IS NOT NULL OR {IS_OTHER}
            BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
        f"""CREATE TRIGGER consent_no_delete BEFORE DELETE ON consent_consent
            BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
        f"""CREATE TRIGGER consent_no_replace BEFORE INSERT ON consent_consent
            WHEN EXISTS (SELECT 1 FROM consent_consent
                         WHERE id = NEW.id
                         OR (clinic = NEW.clinic AND consent_id = NEW.consent_id
                             AND version = NEW.version))
            BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    ],
}
REMOVE = {
    "postgresql": [
        "DROP TRIGGER consent_revoked_once ON consent_consent",
        "DROP TRIGGER consent_kept ON consent_consent",
        "DROP FUNCTION consent_revoke_only()",
        "DROP FUNCTION consent_refuse()",
    ],
    "sqlite": [
        "DROP TRIGGER consent_revoked_once",
        "DROP TRIGGER consent_no_delete",
        "DROP TRIGGER consent_no_replace",
    ],
}


def run(statements):
    """Make a migration step that runs this database's own statements."""

    def step(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return step


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial")]
    operations = [migrations.RunPython(run(INSTALL), run(REMOVE))]
