"""Rights of their own: to read a child's words, and events that belong to no clinic."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('screening', '0007_webhooks'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='clinic',
            options={'ordering': ['name'], 'permissions': [('view_events_of_no_clinic', 'Can view events that belong to no clinic')]},
        ),
        migrations.AlterModelOptions(
            name='job',
            options={'ordering': ['-created_at', '-id'], 'permissions': [('read_words', 'Can read what was reported of a child, and drafts')]},
        ),
    ]
