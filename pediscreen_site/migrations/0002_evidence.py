"""Let supervisors and auditors export the evidence of a case."""

from __future__ import annotations

from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLES = ('supervisor', 'auditor')


def give(apps, schema_editor):
    database = schema_editor.connection.alias
    config = apps.get_app_config('screening')
    config.models_module = True  # what stands for an app here has none
    create_permissions(config, verbosity=0, using=database, apps=apps)
    config.models_module = None
    right = (
        apps.get_model('auth', 'Permission')
        .objects.using(database)
        .get(content_type__app_label='screening', codename='export_evidence')
    )
    for group in (
        apps.get_model('auth', 'Group').objects.using(database).filter(name__in=ROLES)
    ):
        group.permissions.add(right)


class Migration(migrations.Migration):

    dependencies = [
        ('pediscreen_site', '0001_roles'),
        ('screening', '0010_salt'),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
