"""Legal holds and tombstones, and the one way in which what is signed may go.

A signed review, and what goes with it, may be deleted while an unfinished tombstone of its
case is there. Such a tombstone points at a row that cannot be (a deferred foreign key), so
no transaction that has one is committed: it must be finished first, and can be only when
the case is gone. A finished one opens nothing. So who reads the table knows that what was
signed went with the case, in the transaction of its tombstone, while no legal hold stood.
Updates are refused as before.
"""

from __future__ import annotations

from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

locks = import_module("screening.migrations.0004_signed_is_locked")
NOBODY = -1
WRONG = "a tombstone is begun once, with no legal hold, and finished when the case is gone"
FIXED = ["id", "case_key", "clinic", "case_digest", "reason", "erased_by", "erased_at"]
BY_FINISHING = ["manifest", "digest", "unfinished_id"]

OF_JOB = f"""EXISTS (SELECT 1 FROM screening_tombstone t
    JOIN screening_job j ON j.case_id = t.case_key
    WHERE t.unfinished_id = {NOBODY} AND j.id = OLD.job_id)"""
OF_REVIEW = f"""EXISTS (SELECT 1 FROM screening_tombstone t
    JOIN screening_job j ON j.case_id = t.case_key
    JOIN screening_review r ON r.job_id = j.id
    WHERE t.unfinished_id = {NOBODY} AND r.id = OLD.review_id)"""
MAY_BEGIN = f"""NEW.unfinished_id = {NOBODY}
    AND EXISTS (SELECT 1 FROM screening_case c WHERE c.id = NEW.case_key)
    AND NOT EXISTS (SELECT 1 FROM screening_legalhold h
                    WHERE h.case_id = NEW.case_key AND h.lifted_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM screening_tombstone t
                    WHERE t.id = NEW.id OR t.case_key = NEW.case_key)"""
MAY_FINISH = f"""OLD.unfinished_id = {NOBODY} AND NEW.unfinished_id IS NULL
    AND NOT EXISTS (SELECT 1 FROM screening_job j WHERE j.case_id = NEW.case_key)
    AND NOT EXISTS (SELECT 1 FROM screening_case c WHERE c.id = NEW.case_key)"""

OLD_REVIEW = locks.INSTALL["postgresql"][0].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
NEW_REVIEW = OLD_REVIEW.replace(
    "IF OLD.state <> 'REQUIRES_REVIEW' THEN",
    f"IF OLD.state <> 'REQUIRES_REVIEW' AND NOT {OF_JOB} THEN",
)
OLD_SECOND = locks.INSTALL["postgresql"][2].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
NEW_SECOND = OLD_SECOND.replace(
    "BEGIN", f"BEGIN IF TG_OP = 'DELETE' AND {OF_REVIEW} THEN RETURN OLD; END IF;", 1
)


def kept(table, steps):
    return [
        f"""CREATE TRIGGER {table}_kept BEFORE {steps} ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION signed_kept()""",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_kept",
    ]


def not_deleted(name, table, words, unless=""):
    return f"""CREATE TRIGGER {name} BEFORE DELETE ON {table}
        {unless and f"WHEN {unless}"}
        BEGIN SELECT RAISE(ABORT, '{words}'); END"""


def on_sqlite(*, of_job, of_review):
    """Let the triggers that refuse a deletion be those, with these exceptions."""
    made = [
        not_deleted(
            "review_not_deleted",
            "screening_review",
            locks.LOCKED,
            f"OLD.state <> '{locks.UNSIGNED}'{of_job}",
        ),
        not_deleted(
            "second_read_not_deleted", "screening_secondread", locks.ONCE, of_review
        ),
        *(
            not_deleted(f"{table}_no_delete", table, locks.KEPT, of_review)
            for table in locks.APPENDED
        ),
    ]
    names = ["review_not_deleted", "second_read_not_deleted"]
    names += [f"{table}_no_delete" for table in locks.APPENDED]
    return [*(f"DROP TRIGGER {name}" for name in names), *made]


INSTALL = {
    "postgresql": [
        NEW_REVIEW,
        NEW_SECOND,
        f"""CREATE FUNCTION signed_erased() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF {OF_REVIEW} THEN RETURN OLD; END IF;
          RAISE EXCEPTION '{locks.KEPT}';
        END $$""",
        f"""CREATE FUNCTION tombstone_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          IF TG_OP = 'INSERT' AND {MAY_BEGIN} THEN RETURN NEW; END IF;
          IF TG_OP = 'UPDATE' AND {MAY_FINISH}
             AND {locks.minus("NEW", BY_FINISHING)} = {locks.minus("OLD", BY_FINISHING)}
             THEN RETURN NEW; END IF;
          RAISE EXCEPTION '{WRONG}';
        END $$""",
        """CREATE TRIGGER tombstone_kept BEFORE INSERT OR UPDATE OR DELETE
           ON screening_tombstone FOR EACH ROW EXECUTE FUNCTION tombstone_kept()""",
        """CREATE TRIGGER tombstone_not_emptied BEFORE TRUNCATE ON screening_tombstone
           FOR EACH STATEMENT EXECUTE FUNCTION signed_kept()""",
        "ALTER TABLE screening_tombstone ENABLE ALWAYS TRIGGER tombstone_kept",
        "ALTER TABLE screening_tombstone ENABLE ALWAYS TRIGGER tombstone_not_emptied",
        *(
            statement
            for table in locks.APPENDED
            for statement in (
                f"DROP TRIGGER {table}_kept ON {table}",
                *kept(table, "UPDATE OR TRUNCATE"),
                f"""CREATE TRIGGER {table}_erased BEFORE DELETE ON {table}
                    FOR EACH ROW EXECUTE FUNCTION signed_erased()""",
                f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_erased",
            )
        ),
    ],
    "sqlite": [
        *on_sqlite(of_job=f" AND NOT {OF_JOB}", of_review=f"NOT {OF_REVIEW}"),
        f"""CREATE TRIGGER tombstone_begun BEFORE INSERT ON screening_tombstone
            WHEN NOT ({MAY_BEGIN}) OR NEW.unfinished_id IS NULL
            BEGIN SELECT RAISE(ABORT, '{WRONG}'); END""",
        f"""CREATE TRIGGER tombstone_finished BEFORE UPDATE ON screening_tombstone
            WHEN NOT ({MAY_FINISH}) OR OLD.unfinished_id IS NULL
            OR {locks.differ(FIXED)}
            BEGIN SELECT RAISE(ABORT, '{WRONG}'); END""",
        not_deleted("tombstone_not_deleted", "screening_tombstone", WRONG),
    ],
}
REMOVE = {
    "postgresql": [
        "DROP TRIGGER tombstone_kept ON screening_tombstone",
        "DROP TRIGGER tombstone_not_emptied ON screening_tombstone",
        *(
            statement
            for table in locks.APPENDED
            for statement in (
                f"DROP TRIGGER {table}_erased ON {table}",
                f"DROP TRIGGER {table}_kept ON {table}",
                *kept(table, "UPDATE OR DELETE OR TRUNCATE"),
            )
        ),
        "DROP FUNCTION tombstone_kept()",
        "DROP FUNCTION signed_erased()",
        OLD_SECOND,
        OLD_REVIEW,
    ],
    "sqlite": [
        "DROP TRIGGER tombstone_begun",
        "DROP TRIGGER tombstone_finished",
        "DROP TRIGGER tombstone_not_deleted",
        *on_sqlite(of_job="", of_review=""),
    ],
}


class Migration(migrations.Migration):

    dependencies = [
        ('screening', '0010_salt'),
    ]

    operations = [
        migrations.CreateModel(
            name='LegalHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(help_text='A reference, such as a file number. Never a name.', max_length=200)),
                ('placed_by', models.CharField(max_length=150)),
                ('placed_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('lifted_by', models.CharField(blank=True, db_default='', default='', max_length=150)),
                ('lifted_at', models.DateTimeField(editable=False, null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='legal_holds', to='screening.case')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('case',), name='legal_hold_once_at_a_time'), models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), _negated=True), models.Q(('placed_by', ''), _negated=True)), name='legal_hold_has_reason_and_person'), models.CheckConstraint(condition=models.Q(models.Q(('lifted_at', None), ('lifted_by', '')), models.Q(('lifted_at__isnull', False), models.Q(('lifted_by', ''), _negated=True)), _connector='OR'), name='legal_hold_lifted_by_someone')],
            },
        ),
        migrations.CreateModel(
            name='Tombstone',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('case_key', models.BigIntegerField(help_text='The number that the row of the case had.', unique=True)),
                ('clinic', models.SlugField(db_index=False, max_length=64)),
                ('case_digest', models.CharField(db_index=True, help_text="SHA-256 of the clinic, a line end and the case's identifier.", max_length=64)),
                ('reason', models.CharField(help_text='A reference, such as a file number. Never a name.', max_length=200)),
                ('erased_by', models.CharField(max_length=150)),
                ('erased_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ('manifest', models.JSONField(default=dict, help_text='Of each kind: how many, and the SHA-256 of which.')),
                ('digest', models.CharField(blank=True, default='', help_text='SHA-256 of the manifest, as the event has it.', max_length=64)),
                ('unfinished', models.ForeignKey(default=-1, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='screening.tombstone')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('id__gte', 1)), name='tombstone_numbered_from_one'), models.CheckConstraint(condition=models.Q(models.Q(('digest', ''), ('unfinished', -1)), models.Q(('unfinished', None), models.Q(('digest', ''), _negated=True)), _connector='OR'), name='tombstone_unfinished_or_with_digest'), models.CheckConstraint(condition=models.Q(models.Q(('reason', ''), _negated=True), models.Q(('erased_by', ''), _negated=True)), name='tombstone_has_reason_and_person')],
            },
        ),
        migrations.RunPython(locks.run(INSTALL), locks.run(REMOVE)),
    ]
