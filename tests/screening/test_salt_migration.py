"""A job that was there before commitments gets a salt of its own, and keeps its own."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import connection

from screening.models import Job
from tests.screening.making import make_job

pytestmark = pytest.mark.django_db


def test_each_job_without_a_salt_gets_its_own_and_the_others_keep_theirs():
    migration = import_module("screening.migrations.0010_salt")
    jobs = [make_job(case_id=f"case-{n}").pk for n in range(4)]
    kept = bytes(Job.objects.get(pk=jobs[0]).salt)
    Job.objects.filter(pk__in=jobs[1:]).update(salt=None)

    def execute(statement: str, params: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, params)

    migration.fill(None, SimpleNamespace(connection=connection, execute=execute))

    salts = [bytes(salt) for salt in Job.objects.values_list("salt", flat=True)]
    assert kept in salts
    assert len(set(salts)) == 4
    assert {len(salt) for salt in salts} == {32}
