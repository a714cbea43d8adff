"""Find the events of a request by an index. Workers' events have none, and are not in it."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_recorded_at_once")]
    operations = [
        migrations.AddIndex(
            model_name="audit",
            index=models.Index(
                name="audit_by_request",
                fields=["request_id", "-id"],
                condition=~models.Q(request_id=""),
            ),
        ),
    ]
