"""Give each job the salt of its commitments, and make the right to export its evidence.

A job that is there already gets one too, for what is still to come of it.
"""

from __future__ import annotations

from django.db import migrations, models

from audit.proofs.commitments import new_salt

# sha256 brings the 244 random bits of two ids into 32 bytes.
RANDOM = {
    "postgresql": "sha256(decode(replace(concat(gen_random_uuid(), gen_random_uuid()), '-', ''), 'hex'))",
    "sqlite": "randomblob(32)",
}


def fill(apps, schema_editor):
    random = RANDOM[schema_editor.connection.vendor]
    schema_editor.execute(
        f"UPDATE screening_job SET salt = {random} WHERE salt IS NULL", params=None
    )


def salt(default):
    field = models.BinaryField(
        default=default,
        help_text="Opens the audit log's commitments. Without it they say nothing.",
        max_length=32,
        null=True,
    )
    return migrations.AddField(model_name='job', name='salt', field=field)


class Migration(migrations.Migration):

    dependencies = [
        ('screening', '0009_had_by'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='job',
            options={'ordering': ['-created_at', '-id'], 'permissions': [('read_words', 'Can read what was reported of a child, and drafts'), ('export_evidence', 'Can export the evidence of a case')]},
        ),
        # The salts are made in the database: a default would be one for all.
        migrations.SeparateDatabaseAndState(
            database_operations=[salt(None)],
            state_operations=[salt(new_salt)],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
