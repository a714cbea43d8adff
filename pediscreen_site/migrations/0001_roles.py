"""Make the roles: a group each, with the rights that are written out here.

A group of the same name that is there already keeps what it has and gets what it lacks.
Rights are made by Django once all is migrated, which is too late: they are made here.
"""

from __future__ import annotations

from django.contrib.auth.management import create_permissions
from django.db import migrations

ROLES = {
    'reviewer': [
        'screening.view_review',
        'screening.change_review',
        'screening.sign_off_review',
        'screening.view_case',
        'screening.view_job',
        'screening.read_words',
        'consent.view_consent',
        'agreement.view_tally',
        'audit.view_audit',
    ],
    'supervisor': [
        'screening.view_review',
        'screening.change_review',
        'screening.sign_off_review',
        'screening.view_case',
        'screening.view_job',
        'screening.read_words',
        'consent.view_consent',
        'agreement.view_tally',
        'audit.view_audit',
        'screening.adjudicate_review',
        'screening.release_review',
        'screening.export_lists',
        'consent.add_consent',
        'consent.change_consent',
    ],
    'operator': [
        'screening.view_job',
        'screening.change_job',
        'routing.view_task',
        'routing.change_task',
        'routing.view_targethealth',
        'routing.view_agent',
        'routing.add_agent',
        'routing.change_agent',
        'screening.view_apikey',
        'screening.view_webhookendpoint',
        'screening.add_webhookendpoint',
        'screening.change_webhookendpoint',
        'screening.view_webhookdelivery',
        'screening.change_webhookdelivery',
        'screening.view_events_of_no_clinic',
        'audit.view_audit',
    ],
    'auditor': [
        'screening.view_review',
        'screening.view_case',
        'consent.view_consent',
        'agreement.view_tally',
        'screening.view_events_of_no_clinic',
        'audit.view_audit',
    ],
    'admin': [
        'auth.view_user',
        'auth.add_user',
        'auth.change_user',
        'auth.view_group',
        'auth.add_group',
        'auth.change_group',
        'people.remove_second_factor',
        'screening.view_clinic',
        'screening.add_clinic',
        'screening.change_clinic',
        'screening.view_apikey',
        'screening.change_apikey',
        'screening.view_events_of_no_clinic',
        'audit.view_audit',
    ],
}


def make(apps, schema_editor):
    database = schema_editor.connection.alias
    for config in apps.get_app_configs():
        config.models_module = True  # what stands for an app here has none
        create_permissions(config, verbosity=0, using=database, apps=apps)
        config.models_module = None
    rights = apps.get_model('auth', 'Permission').objects.using(database)
    groups = apps.get_model('auth', 'Group').objects.using(database)
    for role, names in ROLES.items():
        group, _ = groups.get_or_create(name=role)
        for name in names:
            app, codename = name.split('.')
            group.permissions.add(
                rights.get(content_type__app_label=app, codename=codename)
            )


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('screening', '0008_permissions'),
        ('routing', '0003_waiting_tasks'),
        ('consent', '0002_kept'),
        ('agreement', '0002_signatures_by_time'),
        ('people', '0001_initial'),
        ('audit', '0003_vocabulary'),
    ]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
