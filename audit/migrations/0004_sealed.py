"""Give every event its canonical text, and the log its tree.

Events that there are get a text of what is known of them, and wait to be sealed. The lock
is taken off for the while. On SQLite it is made anew: altering a table there makes another.
"""

from __future__ import annotations

import importlib
import json

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

append_only = importlib.import_module("audit.migrations.0002_append_only")
meaning = importlib.import_module("audit.meaning")
REFUSAL = append_only.REFUSAL
BATCH = 1000
TREE = {
    "audit_leaf": ["tree_index", "event_id"],
    "audit_node": [],
    "audit_checkpoint": ["size"],
}
"""The tables of the tree, each with the columns of which one value is there once."""


def locks():
    """Refuse any change to the tree, as to the events."""
    postgresql, sqlite, undo = [], [], []
    for table, keys in TREE.items():
        postgresql += [
            f"""CREATE TRIGGER {table}_append_only
                BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_append_only",
        ]
        same = " OR ".join(f"{key} = NEW.{key}" for key in keys) or (
            "level = NEW.level AND position = NEW.position"
        )
        sqlite += [
            f"""CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
                BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
            f"""CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
                BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
            f"""CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
                WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
                BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
        ]
        undo += [
            f"DROP TRIGGER {table}_{name}"
            for name in ("no_update", "no_delete", "no_replace")
        ]
    return postgresql, sqlite, undo


LOCK_POSTGRESQL, LOCK_SQLITE, UNLOCK_SQLITE = locks()
OPEN = {
    "postgresql": ["ALTER TABLE audit_audit DISABLE TRIGGER audit_append_only"],
    "sqlite": append_only.REMOVE["sqlite"],
}
CLOSE = {
    "postgresql": ["ALTER TABLE audit_audit ENABLE ALWAYS TRIGGER audit_append_only"],
    "sqlite": append_only.INSTALL["sqlite"],
}
SEAL = {
    "postgresql": [
        "INSERT INTO audit_pending (event_id) SELECT id FROM audit_audit",
        """CREATE FUNCTION audit_await() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN
               INSERT INTO audit_pending (event_id) SELECT id FROM added;
               RETURN NULL;
           END $$""",
        """CREATE TRIGGER audit_awaits_seal AFTER INSERT ON audit_audit
           REFERENCING NEW TABLE AS added
           FOR EACH STATEMENT EXECUTE FUNCTION audit_await()""",
        "ALTER TABLE audit_audit ENABLE ALWAYS TRIGGER audit_awaits_seal",
        *LOCK_POSTGRESQL,
    ],
    "sqlite": [
        "INSERT INTO audit_pending (event_id) SELECT id FROM audit_audit",
        """CREATE TRIGGER audit_awaits_seal AFTER INSERT ON audit_audit
           BEGIN INSERT INTO audit_pending (event_id) VALUES (NEW.id); END""",
        *LOCK_SQLITE,
    ],
}
UNSEAL = {
    "postgresql": [
        "DROP TRIGGER audit_awaits_seal ON audit_audit",
        "DROP FUNCTION audit_await()",
        *(f"DROP TRIGGER {table}_append_only ON {table}" for table in TREE),
    ],
    "sqlite": ["DROP TRIGGER audit_awaits_seal", *UNLOCK_SQLITE],
}
run = append_only.run


def write_texts(apps, schema_editor):
    """Write the text of each event that there is, as far as it is known."""
    Audit = apps.get_model("audit", "Audit")
    last = 0
    while rows := list(Audit.objects.filter(pk__gt=last).order_by("pk")[:BATCH]):
        for row in rows:
            row.canonical = json.dumps(
                fields_of(row), ensure_ascii=False, sort_keys=True, separators=(",", ":")
            )
        Audit.objects.bulk_update(rows, ["canonical"])
        last = rows[-1].pk


def fields_of(row):
    """Return what the text of an event says; what is empty is left out."""
    at = row.occurred_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    entity = {
        "clinic": row.clinic,
        "case_id": row.case_id,
        "job_id": str(row.job_id) if row.job_id else None,
        "attempt": row.attempt,
    }
    entity = {name: value for name, value in entity.items() if value not in ("", None)}
    fields = {
        "v": 1,
        "event_id": str(row.event_id),
        "occurred_at": at,
        "type": row.action,
        "action": meaning.operation(row.action),
        "outcome": meaning.outcome(row.action),
        "purpose": meaning.purpose(row.action),
        "actor": {"id": row.actor, "kind": row.actor.partition(":")[0]},
        "entity": entity,
        "request_id": row.request_id,
        "detail": row.detail,
    }
    return {name: value for name, value in fields.items() if value not in ("", {})}


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0003_vocabulary'),
    ]

    operations = [
        migrations.RunPython(run(OPEN), run(CLOSE)),
        migrations.CreateModel(
            name='Checkpoint',
            fields=[
                ('size', models.BigIntegerField(primary_key=True, serialize=False)),
                ('root', models.BinaryField(max_length=32)),
                ('note', models.TextField()),
                ('created_at', models.DateTimeField(db_default=Now())),
            ],
            options={'ordering': ['-size'], 'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='Leaf',
            fields=[
                ('tree_index', models.BigIntegerField(primary_key=True, serialize=False)),
                ('event', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='leaf', to='audit.audit')),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='Node',
            fields=[
                ('pk', models.CompositePrimaryKey('level', 'position', blank=True, editable=False, primary_key=True, serialize=False)),
                ('level', models.PositiveSmallIntegerField()),
                ('position', models.BigIntegerField()),
                ('hash', models.BinaryField(max_length=32)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='Pending',
            fields=[
                ('event_id', models.BigIntegerField(primary_key=True, serialize=False)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.AddField(
            model_name='audit',
            name='canonical',
            field=models.TextField(default='', editable=False, help_text='What is hashed; the columns are copies of it.'),
            preserve_default=False,
        ),
        migrations.RunPython(write_texts, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name='audit',
            constraint=models.CheckConstraint(condition=models.Q(('canonical', ''), _negated=True), name='audit_has_its_text'),
        ),
        migrations.RunPython(run(CLOSE), run(OPEN)),
        migrations.RunPython(run(SEAL), run(UNSEAL)),
    ]
