"""Errors of the database are counted; what is no failure is not."""

from __future__ import annotations

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.utils import InterfaceError
from psycopg.errors import LockNotAvailable

from pediscreen_site.databases.counted import is_failure
from routing.counts import DATABASE_ERRORS, counts
from screening.models import Clinic

pytestmark = pytest.mark.django_db


def errors() -> int:
    return counts().read()[DATABASE_ERRORS]


def ask(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_a_statement_that_fails_is_counted_once(redis):
    with pytest.raises(DatabaseError):
        ask("SELECT * FROM nowhere")

    assert errors() == 1


def test_a_statement_that_works_is_not(redis):
    ask("SELECT 1")

    assert errors() == 0


def test_a_constraint_that_holds_is_no_failure(redis):
    Clinic.objects.create(slug="riverside", name="Riverside")
    with pytest.raises(IntegrityError):
        ask("INSERT INTO screening_clinic (slug, name) VALUES ('riverside', 'R')")

    assert errors() == 0


def test_a_row_that_another_request_has_locked_is_no_failure():
    locked, away = OperationalError(), OperationalError()
    locked.__cause__ = LockNotAvailable()

    assert not is_failure(locked)
    assert is_failure(away)
    assert is_failure(InterfaceError())


def test_the_database_is_still_what_django_takes_it_for():
    assert connection.vendor in {"sqlite", "postgresql"}
    module = type(connections["default"]).__module__
    assert module.startswith(f"pediscreen_site.databases.{connection.vendor}")
