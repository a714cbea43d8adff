"""Let the database itself hold that signed is signed.

A review is born unsigned. It becomes signed only where its signature is there, of the same
person and with the same digest, and nothing else of it changes; then it may be released, and
nothing more. Signatures and addenda are only added; a second read is decided once.

PostgreSQL compares whole rows as jsonb. SQLite has no such comparison, so each column is
named; and INSERT OR REPLACE deletes without firing a delete trigger, so a row that exists is
refused before the insert.
"""

from __future__ import annotations

from django.db import migrations

LOCKED = "signed content is locked"
KEPT = "signatures and addenda are only added"
ONCE = "a second read is given once and decided once"
UNSIGNED = "REQUIRES_REVIEW"

REVIEW = [
    *["id", "job_id", "version", "due_at", "risk", "reason_code", "reason_text"],
    *["summary", "recommendations", "parent_text", "note", "acknowledged"],
    *["family_approved_by_id", "family_approved_at", "second_read_for", "created_at"],
]
BY_SIGNING = [
    *["state", "assignee_id", "claimed_at", "updated_at", "signed_off_by_id"],
    *["signed_off_at", "signer_name", "outcome", "changes", "meaning"],
    *["content_digest"],
]
BY_RELEASING = ["state", "released_at", "released_by_id", "updated_at"]
SECOND_READ = ["id", "review_id", "first_reader_id", "reader_id", "risk", "why", "sent_at"]
DECIDED = ["adjudicator_id", "adjudicated_risk", "adjudicated_why", "adjudicated_at"]
APPENDED = ["screening_signature", "screening_addendum"]


def minus(row, names):
    return f"to_jsonb({row}) - ARRAY[{', '.join(repr(name) for name in names)}]"


def differ(names):
    return " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in names)


SIGNATURE = """EXISTS (SELECT 1 FROM screening_signature s
    WHERE s.review_id = NEW.id AND s.person_id = NEW.signed_off_by_id
    AND s.content_digest = NEW.content_digest)"""

INSTALL = {
    "postgresql": [
        f"""CREATE FUNCTION review_lock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF TG_OP = 'INSERT' THEN
            IF NEW.state <> '{UNSIGNED}' THEN RAISE EXCEPTION '{LOCKED}'; END IF;
            RETURN NEW;
          END IF;
          IF TG_OP = 'DELETE' THEN
            IF OLD.state <> '{UNSIGNED}' THEN RAISE EXCEPTION '{LOCKED}'; END IF;
            RETURN OLD;
          END IF;
          IF OLD.state = '{UNSIGNED}' AND NEW.state = '{UNSIGNED}' THEN RETURN NEW; END IF;
          IF OLD.state = '{UNSIGNED}' AND NEW.state = 'SIGNED_OFF'
             AND {minus("NEW", BY_SIGNING)} = {minus("OLD", BY_SIGNING)}
             AND {SIGNATURE} THEN RETURN NEW; END IF;
          IF OLD.state = 'SIGNED_OFF' AND NEW.state = 'DELIVERED'
             AND {minus("NEW", BY_RELEASING)} = {minus("OLD", BY_RELEASING)}
             THEN RETURN NEW; END IF;
          RAISE EXCEPTION '{LOCKED}';
        END $$""",
        f"""CREATE FUNCTION signed_kept() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '{KEPT}'; END $$""",
        f"""CREATE FUNCTION second_read_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF TG_OP = 'UPDATE' AND OLD.adjudicator_id IS NULL
             AND {minus("NEW", DECIDED)} = {minus("OLD", DECIDED)}
             THEN RETURN NEW; END IF;
          RAISE EXCEPTION '{ONCE}';
        END $$""",
        """CREATE TRIGGER review_locked BEFORE INSERT OR UPDATE OR DELETE
           ON screening_review FOR EACH ROW EXECUTE FUNCTION review_lock()""",
        """CREATE TRIGGER review_not_emptied BEFORE TRUNCATE ON screening_review
           FOR EACH STATEMENT EXECUTE FUNCTION signed_kept()""",
        """CREATE TRIGGER second_read_given BEFORE UPDATE OR DELETE
           ON screening_secondread FOR EACH ROW EXECUTE FUNCTION second_read_once()""",
        *(
            f"""CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE OR TRUNCATE
                ON {table} FOR EACH STATEMENT EXECUTE FUNCTION signed_kept()"""
            for table in APPENDED
        ),
        "ALTER TABLE screening_review ENABLE ALWAYS TRIGGER review_locked",
        "ALTER TABLE screening_review ENABLE ALWAYS TRIGGER review_not_emptied",
        "ALTER TABLE screening_secondread ENABLE ALWAYS TRIGGER second_read_given",
        *(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_kept" for table in APPENDED),
    ],
    "sqlite": [
        f"""CREATE TRIGGER review_born_unsigned BEFORE INSERT ON screening_review
            WHEN NEW.state <> '{UNSIGNED}'
            OR EXISTS (SELECT 1 FROM screening_review
                       WHERE (id = NEW.id OR job_id = NEW.job_id)
                       AND state <> '{UNSIGNED}')
            BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END""",
        f"""CREATE TRIGGER review_locked BEFORE UPDATE ON screening_review
            WHEN NOT (OLD.state = '{UNSIGNED}' AND NEW.state = '{UNSIGNED}')
            AND NOT (OLD.state = '{UNSIGNED}' AND NEW.state = 'SIGNED_OFF'
                     AND NOT ({differ([*REVIEW, "released_at", "released_by_id"])})
                     AND {SIGNATURE})
            AND NOT (OLD.state = 'SIGNED_OFF' AND NEW.state = 'DELIVERED'
                     AND NOT ({differ([*REVIEW, "assignee_id", "claimed_at", "signed_off_by_id", "signed_off_at", "signer_name", "outcome", "changes", "meaning", "content_digest"])}))
            BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END""",
        f"""CREATE TRIGGER review_not_deleted BEFORE DELETE ON screening_review
            WHEN OLD.state <> '{UNSIGNED}'
            BEGIN SELECT RAISE(ABORT, '{LOCKED}'); END""",
        f"""CREATE TRIGGER second_read_given BEFORE UPDATE ON screening_secondread
            WHEN OLD.adjudicator_id IS NOT NULL OR {differ(SECOND_READ)}
            BEGIN SELECT RAISE(ABORT, '{ONCE}'); END""",
        f"""CREATE TRIGGER second_read_not_deleted BEFORE DELETE ON screening_secondread
            BEGIN SELECT RAISE(ABORT, '{ONCE}'); END""",
        f"""CREATE TRIGGER second_read_not_replaced BEFORE INSERT ON screening_secondread
            WHEN EXISTS (SELECT 1 FROM screening_secondread
                         WHERE id = NEW.id OR review_id = NEW.review_id)
            BEGIN SELECT RAISE(ABORT, '{ONCE}'); END""",
        *(
            f"""CREATE TRIGGER {table}_no_{step} BEFORE {step} ON {table}
                BEGIN SELECT RAISE(ABORT, '{KEPT}'); END"""
            for table in APPENDED
            for step in ("update", "delete")
        ),
        f"""CREATE TRIGGER screening_signature_no_replace BEFORE INSERT
            ON screening_signature
            WHEN EXISTS (SELECT 1 FROM screening_signature
                         WHERE id = NEW.id OR review_id = NEW.review_id)
            BEGIN SELECT RAISE(ABORT, '{KEPT}'); END""",
        f"""CREATE TRIGGER screening_addendum_no_replace BEFORE INSERT
            ON screening_addendum
            WHEN EXISTS (SELECT 1 FROM screening_addendum
                         WHERE id = NEW.id
                         OR (review_id = NEW.review_id AND number = NEW.number))
            BEGIN SELECT RAISE(ABORT, '{KEPT}'); END""",
    ],
}
REMOVE = {
    "postgresql": [
        "DROP TRIGGER review_locked ON screening_review",
        "DROP TRIGGER review_not_emptied ON screening_review",
        "DROP TRIGGER second_read_given ON screening_secondread",
        *(f"DROP TRIGGER {table}_kept ON {table}" for table in APPENDED),
        "DROP FUNCTION review_lock()",
        "DROP FUNCTION signed_kept()",
        "DROP FUNCTION second_read_once()",
    ],
    "sqlite": [
        "DROP TRIGGER review_born_unsigned",
        "DROP TRIGGER review_locked",
        "DROP TRIGGER review_not_deleted",
        "DROP TRIGGER second_read_given",
        "DROP TRIGGER second_read_not_deleted",
        "DROP TRIGGER second_read_not_replaced",
        *(
            f"DROP TRIGGER {table}_no_{step}"
            for table in APPENDED
            for step in ("update", "delete", "replace")
        ),
    ],
}


def run(statements):
    """Make a migration step that runs this database's own statements."""

    def step(apps, schema_editor):
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement)

    return step


class Migration(migrations.Migration):
    dependencies = [("screening", "0003_desk")]
    operations = [migrations.RunPython(run(INSTALL), run(REMOVE))]
