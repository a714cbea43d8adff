"""Remember the trace that the request belonged to."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('routing', '0004_durations'),
    ]

    operations = [
        migrations.AddField(
            model_name='task',
            name='traceparent',
            field=models.CharField(editable=False, help_text='The trace of the request that brought it, if it has one.', max_length=55, null=True),
        ),
    ]
