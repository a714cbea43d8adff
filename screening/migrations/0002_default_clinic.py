"""Make the clinic of the API_KEY variable, so that no request has to."""

from __future__ import annotations

from django.db import migrations


def make(apps, schema_editor):
    """Make the default clinic."""
    clinics = apps.get_model("screening", "Clinic").objects
    clinics.get_or_create(slug="default", defaults={"name": "Default clinic"})


class Migration(migrations.Migration):
    dependencies = [("screening", "0001_initial")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
