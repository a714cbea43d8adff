"""Let the signatures of a day be found without reading all of them.

Signatures are another app's, which has no use for this order of its own.
"""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("agreement", "0001_initial"),
        ("screening", "0004_signed_is_locked"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX signature_by_time ON screening_signature (signed_at)",
            "DROP INDEX signature_by_time",
        ),
    ]
